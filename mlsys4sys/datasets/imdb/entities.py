"""The entity tables: titles, persons, characters, companies and keywords, with their other names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsys4sys.datasets.imdb import vocabulary as words
from mlsys4sys.datasets.imdb.latents import (
    Companies,
    Floats,
    Ints,
    Movies,
    Persons,
    deal,
    draw,
)
from mlsys4sys.datasets.imdb.rows import POSITION, WORDLISTS, Rows

TITLE_CODES = ("planted", "template", "adjective", "noun", "given", "surname", "part")
_TEMPLATE_SHARE = (0.25, 0.15, 0.25, 0.05, 0.1, 0.2)
_TITLE_SQL = """
    CASE WHEN planted >= 0 THEN $franchises[planted + 1]
         WHEN template = 0 THEN 'The ' || $adjectives[adjective + 1] || ' ' || $nouns[noun + 1]
         WHEN template = 1 THEN $adjectives[adjective + 1] || ' ' || $nouns[noun + 1]
         WHEN template = 2 THEN $nouns[noun + 1] || ' of ' || $surnames[surname + 1]
         WHEN template = 3 THEN 'The ' || $nouns[noun + 1]
         WHEN template = 4 THEN $given[given + 1] || '''s ' || $nouns[noun + 1]
         ELSE 'The ' || $surnames[surname + 1] || ' ' || $nouns[noun + 1] END
    || CASE WHEN part > 1 THEN ' ' || part ELSE '' END"""
_PERSON_SQL = "$surnames[surname + 1] || ', ' || $given[given + 1]"
_CODE_SQL = "upper(left({0}, 1)) || ({1} % 900 + 100)"
_INDEX_SQL = "CASE WHEN numeral < 4 THEN repeat('I', numeral + 1) END"


@dataclass(frozen=True, slots=True)
class TitleWords:
    """Codes of the words that make up each title."""

    planted: Ints
    template: Ints
    adjective: Ints
    noun: Ints
    given: Ints
    surname: Ints
    part: Ints

    def codes(self, chosen: Ints | None = None) -> dict[str, Ints]:
        """The codes as columns, of all titles or of ``chosen`` ones."""
        columns: dict[str, Ints] = {name: getattr(self, name) for name in TITLE_CODES}
        return columns if chosen is None else {n: c[chosen] for n, c in columns.items()}


def head_heavy(rng: np.random.Generator, size: int, count: int, power: float = 1.8) -> Ints:
    """``count`` positions below ``size``, the first the most frequent (density falls as a power)."""
    return (size * rng.random(count) ** power).astype(np.int64)


def make_title_words(rng: np.random.Generator, movies: Movies) -> TitleWords:
    """Choose title words: genres have their own nouns, parts of a franchise share theirs."""
    count = len(movies)
    # The parts of a franchise draw the words of one among them.
    leader = np.arange(count)
    members = np.flatnonzero(movies.franchise >= 0)
    _, first = np.unique(movies.franchise[members], return_index=True)
    leader[members] = members[first][np.searchsorted(movies.franchise[members][first], movies.franchise[members])]
    noun = head_heavy(rng, len(WORDLISTS["nouns"]), count)
    for name, text in words.GENRE_NOUNS.items():
        own = np.array([POSITION["nouns"][word] for word in text.split()])
        here = np.flatnonzero((movies.genres == words.GENRE_ID[name]).any(axis=1) & (rng.random(count) < 0.35))
        noun[here] = own[head_heavy(rng, len(own), len(here), 1.3)]
    return TitleWords(
        planted=np.where(movies.franchise < len(words.FRANCHISES), movies.franchise, -1),
        template=draw(rng, _TEMPLATE_SHARE, count)[leader],
        adjective=head_heavy(rng, len(WORDLISTS["adjectives"]), count)[leader],
        noun=noun[leader],
        given=head_heavy(rng, len(WORDLISTS["given"]), count, 1.3)[leader],
        surname=head_heavy(rng, len(WORDLISTS["surnames"]), count, 1.3)[leader],
        part=movies.part,
    )


def title(rng: np.random.Generator, movies: Movies, title_words: TitleWords) -> Rows:
    """One row a title."""
    count = len(movies)
    codes = {
        "kind": movies.kind + 1,
        "year": np.where(rng.random(count) < 0.03, -1, movies.year),
        **title_words.codes(),
        "numeral": rng.integers(0, 60, count),
        "series": movies.series,
        "season": movies.season,
        "episode": movies.episode,
        "run": np.where(movies.kind == words.TV_SERIES, rng.integers(0, 9, count), -1),
    }
    select = f"""{_TITLE_SQL}, {_INDEX_SQL}, kind, nullif(year, -1), NULL,
        {_CODE_SQL.format("$nouns[noun + 1]", "noun * 37 + adjective")},
        CASE WHEN series >= 0 THEN series + 1 END, nullif(season, 0), nullif(episode, 0),
        CASE WHEN run >= 0 AND year > 0 THEN year || '-' || (year + run) END,
        md5('title' || id)"""
    together = (TITLE_CODES, ("series", "season", "episode"))
    return Rows("title", codes, select, together, {"series": "title"})


def aka_title(rng: np.random.Generator, movies: Movies, title_words: TitleWords, total: int) -> Rows:
    """Other titles, mostly of popular films."""
    by_kind = np.array([1.0, 0.9, 0.5, 0.5, 0.5, 0.4, 0.06])
    movie = np.repeat(np.arange(len(movies)), deal(rng, fan_out(rng, movies, 0.8, by_kind), total, 0.08))
    codes = {
        "movie": movie,
        "kind": movies.kind[movie] + 1,
        "year": movies.year[movie],
        **title_words.codes(movie),
        "numeral": rng.integers(0, 400, len(movie)),
        "place": draw(rng, [c.share for c in words.COUNTRIES], len(movie)),
        "note": draw(rng, (0.5, 0.3, 0.2), len(movie)),
    }
    codes["template"] = (codes["template"] + 1) % len(_TEMPLATE_SHARE)
    codes["planted"] = np.full(len(movie), -1)
    select = f"""movie + 1, {_TITLE_SQL}, {_INDEX_SQL}, kind, year,
        {_CODE_SQL.format("$nouns[noun + 1]", "noun * 37 + adjective")}, NULL, NULL, NULL,
        CASE note WHEN 0 THEN '(' || $countries[place + 1] || ')'
                  WHEN 1 THEN '(' || $countries[place + 1] || ') (alternative title)' END,
        md5('aka_title' || id)"""
    return Rows("aka_title", codes, select, (TITLE_CODES,), {"movie": "title"})


def fan_out(rng: np.random.Generator, movies: Movies, exponent: float, by_kind: Floats) -> Floats:
    """How many rows a title draws, relatively: popularity to a power, its kind, and luck."""
    luck = rng.normal(0.0, 0.6, len(movies))
    weights: Floats = np.exp(exponent * movies.z + luck) * by_kind[movies.kind]
    return weights


@dataclass(frozen=True, slots=True)
class Stars:
    """The persons behind the stars of the planted franchises, one a franchise, -1 where none."""

    person: Ints
    surname: Ints
    given: Ints
    woman: Ints


def make_stars(persons: Persons) -> Stars:
    """Let the most famous fitting persons play the planted stars; one name is one person."""
    found: dict[str, int] = {}
    surnames, givens, chosen, woman = [], [], [], []
    ranking = np.argsort(-persons.fame, kind="stable")
    women = set(" ".join(words.GIVEN_NAMES["f"].values()).split())
    for franchise in words.FRANCHISES:
        surname, _, given = franchise.star.partition(", ")
        woman.append(int(given in women))
        if franchise.star and franchise.star not in found:
            fits = persons.profession[ranking] == woman[-1]
            found[franchise.star] = int(ranking[fits][3 * len(found)])
        chosen.append(found.get(franchise.star, -1))
        surnames.append(POSITION["surnames"].get(surname, 0))
        givens.append(POSITION["given"].get(given, 0))
    return Stars(np.array(chosen), np.array(surnames), np.array(givens), np.array(woman))


@dataclass(frozen=True, slots=True)
class PersonNames:
    """Codes of the words of each person's name."""

    surname: Ints
    given: Ints


def make_person_names(rng: np.random.Generator, persons: Persons, stars: Stars) -> PersonNames:
    """Given names follow gender and region, family names are head-heavy."""
    region = np.array([("west", "east", "slav").index(c.region) for c in words.COUNTRIES])
    female = (persons.gender == 1) | ((persons.gender == 2) & (rng.random(len(persons)) < 0.3))
    given = np.empty(len(persons), dtype=np.int64)
    start = 0
    for gender, is_female in (("m", False), ("f", True)):
        for number, name in enumerate(("west", "east", "slav")):
            size = len(words.GIVEN_NAMES[gender][name].split())
            here = np.flatnonzero((female == is_female) & (region[persons.country] == number))
            given[here] = start + head_heavy(rng, size, len(here), 1.4)
            start += size
    surname = head_heavy(rng, len(words.SURNAMES), len(persons), 1.8)
    planted = stars.person >= 0
    surname[stars.person[planted]] = stars.surname[planted]
    given[stars.person[planted]] = stars.given[planted]
    return PersonNames(surname, given)


def name(rng: np.random.Generator, persons: Persons, names: PersonNames) -> Rows:
    """One row a person."""
    codes = {
        "surname": names.surname,
        "given": names.given,
        "numeral": rng.integers(0, 12, len(persons)),
        "gender": persons.gender,
    }
    select = f"""{_PERSON_SQL}, {_INDEX_SQL}, NULL,
        CASE gender WHEN 0 THEN 'm' WHEN 1 THEN 'f' END,
        {_CODE_SQL.format("$surnames[surname + 1]", "surname * 31 + given")},
        {_CODE_SQL.format("$given[given + 1]", "given * 17 + surname")},
        {_CODE_SQL.format("$surnames[surname + 1]", "surname")}, md5('name' || id)"""
    return Rows("name", codes, select, (("surname", "given"),))


def aka_name(rng: np.random.Generator, persons: Persons, names: PersonNames, total: int) -> Rows:
    """Other names of persons, mostly of famous ones."""
    by_profession = np.array([1.2, 1.5, 0.9])
    weights = np.exp(1.1 * persons.fame + rng.normal(0.0, 0.5, len(persons)))
    person = np.repeat(np.arange(len(persons)), deal(rng, weights * by_profession[persons.profession], total, 0.14))
    codes = {
        "person": person,
        "surname": np.where(
            rng.random(len(person)) < 0.6,
            names.surname[person],
            head_heavy(rng, len(words.SURNAMES), len(person)),
        ),
        "given": (names.given[person] + rng.integers(0, 3, len(person))) % len(WORDLISTS["given"]),
        "numeral": rng.integers(0, 400, len(person)),
    }
    select = f"""person + 1, {_PERSON_SQL}, {_INDEX_SQL},
        {_CODE_SQL.format("$surnames[surname + 1]", "surname * 31 + given")},
        {_CODE_SQL.format("$given[given + 1]", "given * 17 + surname")},
        {_CODE_SQL.format("$surnames[surname + 1]", "surname")}, md5('aka_name' || id)"""
    return Rows("aka_name", codes, select, (("surname", "given"),), {"person": "name"})


def char_name(rng: np.random.Generator, total: int) -> Rows:
    """Characters: the well-known first, then invented ones, some with a title or trade."""
    codes = {
        "known": np.where(np.arange(total) < len(words.CHARACTERS), np.arange(total), -1),
        "style": draw(rng, (0.5, 0.3, 0.1, 0.05, 0.05), total),
        "surname": head_heavy(rng, len(words.SURNAMES), total, 1.4),
        "given": head_heavy(rng, len(WORDLISTS["given"]), total, 1.2),
        "noun": head_heavy(rng, len(WORDLISTS["nouns"]), total, 1.2),
    }
    select = f"""CASE WHEN known >= 0 THEN $characters[known + 1]
             WHEN style = 0 THEN $given[given + 1] || ' ' || $surnames[surname + 1]
             WHEN style = 1 THEN $given[given + 1]
             WHEN style = 2 THEN 'Dr. ' || $surnames[surname + 1]
             WHEN style = 3 THEN $nouns[noun + 1] || 'man'
             ELSE $nouns[noun + 1] || ' ' || $surnames[surname + 1] END,
        NULL, NULL, {_CODE_SQL.format("$given[given + 1]", "given")},
        {_CODE_SQL.format("$surnames[surname + 1]", "surname")}, md5('char_name' || id)"""
    # The well-known characters stay where they are: the position is their identity.
    return Rows("char_name", codes, select, (tuple(codes),))


def company_name(rng: np.random.Generator, companies: Companies) -> Rows:
    """Companies: the well-known first, then invented ones."""
    total = len(companies)
    known = len(words.COMPANIES)
    unknown_country = (rng.random(total) < 0.08) & (np.arange(total) >= known)
    codes = {
        "known": np.where(np.arange(total) < known, np.arange(total), -1),
        "country": np.where(unknown_country, -1, companies.country),
        "surname": head_heavy(rng, len(words.SURNAMES), total, 1.2),
        "noun": head_heavy(rng, len(WORDLISTS["nouns"]), total, 1.2),
        "style": draw(rng, (0.6, 0.4), total),
        "suffix": head_heavy(rng, len(words.COMPANY_SUFFIXES), total, 1.3),
    }
    select = f"""CASE WHEN known >= 0 THEN $companies[known + 1]
             WHEN style = 0 THEN $surnames[surname + 1] || ' ' || $suffixes[suffix + 1]
             ELSE $nouns[noun + 1] || ' ' || $suffixes[suffix + 1] END,
        $codes[country + 1], NULL, {_CODE_SQL.format("$surnames[surname + 1]", "surname")},
        {_CODE_SQL.format("$nouns[noun + 1]", "noun")}, md5('company_name' || id)"""
    return Rows("company_name", codes, select, (tuple(codes),))


def keyword(rng: np.random.Generator, total: int) -> Rows:
    """Keywords: the well-known first, then invented compounds."""
    nouns = len(WORDLISTS["nouns"])
    codes = {
        "known": np.where(np.arange(total) < len(WORDLISTS["keywords"]), np.arange(total), -1),
        "adjective": rng.integers(0, len(WORDLISTS["adjectives"]), total),
        "noun": rng.integers(0, nouns, total),
        "noun2": rng.integers(-nouns, nouns, total).clip(-1),
    }
    select = f"""CASE WHEN known >= 0 THEN $keywords[known + 1]
             ELSE lower($adjectives[adjective + 1] || '-' || $nouns[noun + 1]
                        || coalesce('-' || $nouns[noun2 + 1], '')) END,
        {_CODE_SQL.format("$nouns[noun + 1]", "noun")}"""
    return Rows("keyword", codes, select, (tuple(codes),))
