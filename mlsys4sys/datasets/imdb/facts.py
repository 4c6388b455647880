"""The tables about titles and persons: cast, companies, information, keywords, links.

Every fan-out of a title grows with the same popularity, to exponents mostly between 0.6 and 0.9; what a
row refers to depends on the title's country, genres, era and franchise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.datasets.imdb import vocabulary as words
from mlsys4sys.datasets.imdb.entities import Stars, fan_out
from mlsys4sys.datasets.imdb.latents import (
    ERAS,
    Companies,
    Floats,
    Ints,
    Movies,
    Persons,
    deal,
    draw,
    era_of,
    make_pools,
)
from mlsys4sys.datasets.imdb.rows import POSITION, WORDLISTS, Rows

PLANTED = len(words.FRANCHISES)


def _fractions(*parts: Ints) -> Floats:
    """A fixed pseudo-random number in [0, 1) for each combination of whole numbers."""
    mixed = np.full(len(parts[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for part in parts:
        mixed = (mixed ^ part.astype(np.uint64)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def _rank(rng: np.random.Generator, z: Floats, base: float, slope: float) -> Floats:
    """Relative ranks in [0, 1), head-heavy; the more popular the title, the nearer to the top."""
    ranks: Floats = rng.random(len(z)) ** np.clip(base + slope * z, 1.1, 4.0)
    return ranks


def _shares(text: str) -> tuple[list[str], list[float]]:
    """Split ``"(a):0.1 (b):0.2"`` into notes and their frequencies."""
    pairs = [part.rsplit(":", 1) for part in text.replace(" (", "\n(").split("\n")]
    merged: list[list[str]] = []
    for pair in pairs:  # a note of two brackets was cut in two
        if merged and len(merged[-1]) == 1:
            merged[-1] = [f"{merged[-1][0]} {pair[0]}", *pair[1:]]
        else:
            merged.append(list(pair))
    return [note for note, _ in merged], [float(share) for _, share in merged]


def _draw_notes(rng: np.random.Generator, text: str, count: int) -> Ints:
    """Positions in the list of cast notes, -1 for none."""
    notes, shares = _shares(text)
    positions = np.array([*(POSITION["cast_notes"][note] for note in notes), -1])
    return positions[draw(rng, [*shares, max(0.0, 1.0 - sum(shares))], count)]


def cast_info(
    rng: np.random.Generator,
    movies: Movies,
    persons: Persons,
    stars: Stars,
    characters: int,
    total: int,
) -> Rows:
    """Who did what in which title: persons of the title's country and era, series keep theirs."""
    by_kind = np.array([1.6, 1.2, 1.1, 0.8, 1.0, 0.8, 0.72])
    counts = deal(rng, fan_out(rng, movies, 0.7, by_kind), total, 0.92)
    movie = np.repeat(np.arange(len(movies)), counts)
    slot = np.arange(len(movie)) - np.repeat(np.cumsum(counts) - counts, counts)
    role = draw(rng, words.ROLE_SHARE, len(movie))
    person = _cast_persons(rng, movies, persons, movie, role, slot)
    acting = role < 2
    character = np.where(
        acting & (rng.random(len(movie)) < 0.8),
        _cast_characters(rng, movies, movie, slot, characters),
        -1,
    )
    note = _cast_notes(rng, movies, movie, role)
    _plant_stars(movies, stars, (movie, role, person, character, note))
    order = np.lexsort((person, role))
    codes = {
        "person": person[order],
        "movie": movie[order],
        "character": character[order],
        "note": note[order],
        "position": np.where(acting & (slot < 60), slot + 1, -1)[order],
        "role": role[order] + 1,
    }
    select = """person + 1, movie + 1, CASE WHEN character >= 0 THEN character + 1 END,
        $cast_notes[note + 1], nullif(position, -1), role"""
    return Rows("cast_info", codes, select, (), {"person": "name", "movie": "title"})


def _cast_persons(
    rng: np.random.Generator, movies: Movies, persons: Persons, movie: Ints, role: Ints, slot: Ints
) -> Ints:
    count = len(movie)
    other = draw(rng, (0.25, 0.15, 0.6), count)  # who does what is neither actor's nor actress's work
    profession = np.where(role < 2, role, other)
    country = movies.country[movie]
    abroad = rng.random(count) < 0.12
    country = np.where(abroad, draw(rng, [c.share for c in words.COUNTRIES], count), country)
    era = np.maximum(movies.era[movie] - (rng.random(count) < 0.2), 0)
    where = _rank(rng, movies.z[movie], 2.2, 0.3)
    # Half of an episode's people are those of its series, each in a fixed slot.
    series = movies.series[movie]
    recurring = (series >= 0) & (rng.random(count) < 0.5)
    again = series[recurring], role[recurring], slot[recurring] % 7
    where[recurring] = _fractions(*again) ** 2.0
    era[recurring] = movies.era[series[recurring]]
    country[recurring] = movies.country[movie][recurring]
    profession[recurring & (role >= 2)] = 2
    professions = 3
    pools = make_pools(
        (persons.country * professions + persons.profession) * ERAS + persons.era,
        persons.fame,
        len(words.COUNTRIES) * professions * ERAS,
    )
    return pools.pick((country * professions + profession) * ERAS + era, where)


def _cast_characters(rng: np.random.Generator, movies: Movies, movie: Ints, slot: Ints, characters: int) -> Ints:
    """A stock character, or one of those that the series, franchise or title has of its own."""
    known = len(words.CHARACTERS)
    count = len(movie)
    stock = (len(words.STOCK_CHARACTERS) * rng.random(count) ** 2.5).astype(np.int64)
    own = np.where(movies.series[movie] >= 0, movies.series[movie], movie)
    tied = movies.franchise[movie] >= 0
    own = np.where(tied, len(movies) + movies.franchise[movie], own)
    specific = known + (_fractions(own, slot % 16) * (characters - known)).astype(np.int64)
    return np.where(rng.random(count) < 0.22, stock, specific)


def _cast_notes(rng: np.random.Generator, movies: Movies, movie: Ints, role: Ints) -> Ints:
    """Notes by role; in animated titles most of the cast are voices."""
    note = np.full(len(movie), -1, dtype=np.int64)
    for name, text in words.CAST_NOTES.items():
        here = np.flatnonzero(role == words.ROLES.index(name))
        note[here] = _draw_notes(rng, text, len(here))
    animated = (movies.genres == words.GENRE_ID["Animation"]).any(axis=1)[movie]
    voices = np.flatnonzero(animated & (role < 2) & (rng.random(len(movie)) < 0.85))
    drawn = _draw_notes(rng, words.VOICE_NOTES, len(voices))
    english = POSITION["cast_notes"]["(voice: English version)"]
    plain = POSITION["cast_notes"]["(voice)"]
    dubbed = movies.country[movie[voices]] == words.JAPAN
    flips = rng.random(len(voices))
    drawn = np.where(dubbed & (drawn == plain) & (flips < 0.4), english, drawn)
    note[voices] = np.where(~dubbed & (drawn == english) & (flips < 0.8), plain, drawn)
    return note


def _plant_stars(movies: Movies, stars: Stars, columns: tuple[Ints, ...]) -> None:
    """Cast the star of a planted franchise in each of its titles, in place of the first actor."""
    movie, role, person, character, note = columns
    for number, franchise in enumerate(words.FRANCHISES):
        if stars.person[number] < 0:
            continue
        for part in np.flatnonzero(movies.franchise == number):
            rows = np.arange(*np.searchsorted(movie, [part, part + 1]))
            if len(rows):
                row = rows[np.argmin(role[rows])]
                role[row] = int(stars.woman[number])
                person[row] = stars.person[number]
                character[row] = POSITION["characters"][franchise.character]
                note[row] = POSITION["cast_notes"].get(franchise.note, -1)


def movie_companies(rng: np.random.Generator, movies: Movies, companies: Companies, total: int) -> Rows:
    """Who made and who distributed a title: mostly its country's companies, the large ones the hits."""
    by_kind = np.array([1.5, 1.6, 1.2, 1.3, 1.0, 1.5, 0.6])
    counts = deal(rng, fan_out(rng, movies, 0.75, by_kind), total, 0.43)
    movie = np.repeat(np.arange(len(movies)), counts)
    first = np.r_[True, movie[1:] != movie[:-1]] if len(movie) else np.zeros(0, dtype=bool)
    maker = rng.random(len(movie)) < np.where(first, 0.65, 0.44)
    abroad = rng.random(len(movie)) < np.where(maker, 0.1, 0.35)
    country = np.where(abroad, draw(rng, [c.share for c in words.COUNTRIES], len(movie)), movies.country[movie])
    pools = make_pools(companies.country, companies.size, len(words.COUNTRIES))
    company = pools.pick(country, _rank(rng, movies.z[movie], 2.6, 0.4))
    planted = np.flatnonzero(first & (movies.franchise[movie] >= 0))
    planted = planted[movies.franchise[movie[planted]] < PLANTED]
    houses = np.array([POSITION["companies"][f.company] for f in words.FRANCHISES])
    company[planted] = houses[movies.franchise[movie[planted]]]
    codes = {
        "movie": movie,
        "company": company,
        "type": np.where(maker, 2, 1),
        **_company_notes(rng, movies, movie, maker, companies.country[company]),
    }
    select = """movie + 1, company + 1, type,
        CASE WHEN production >= 0 THEN $production_notes[production + 1]
             WHEN medium >= 0 THEN '(' || released || ') (' || CASE WHEN worldwide THEN 'worldwide'
                  ELSE $countries[place + 1] END || ') (' || $media[medium + 1] || ')' END"""
    together = (("production", "medium", "released", "worldwide", "place"),)
    return Rows("movie_companies", codes, select, together, {"movie": "title"})


def _company_notes(
    rng: np.random.Generator, movies: Movies, movie: Ints, maker: NDArray[np.bool_], place: Ints
) -> dict[str, NDArray[np.generic]]:
    """Distributors' notes say when, where and on what medium; makers' are mostly empty."""
    count = len(movie)
    year = np.minimum(movies.year[movie] + rng.geometric(0.35, count) - 1, 2014)
    tv = np.isin(movies.kind[movie], (words.TV_SERIES, words.EPISODE))
    medium = np.empty(count, dtype=np.int64)
    media_by_era = ((0.7, 0.2, 0.1, 0.0, 0.0), (0.6, 0.25, 0.1, 0.05, 0.0),
                    (0.35, 0.2, 0.1, 0.3, 0.0), (0.22, 0.15, 0.38, 0.05, 0.08))  # fmt: skip
    era = era_of(year)
    for number, shares in enumerate(media_by_era):
        here = np.flatnonzero(era == number)
        medium[here] = draw(rng, (*shares, 0.08, 0.05, 0.02), len(here))
    medium = np.where(tv & (rng.random(count) < 0.8), 1, medium)
    kept = rng.random(count)
    production = np.where(maker & (kept < 0.15), draw(rng, words.PRODUCTION_NOTE_SHARE, count), -1)
    noted = np.where(maker, (kept >= 0.15) & (kept < 0.22), kept < 0.86)
    return {
        "production": production,
        "medium": np.where(noted, medium, -1),
        "released": year,
        "worldwide": rng.random(count) < 0.06,
        "place": place,
    }


def movie_keyword(rng: np.random.Generator, movies: Movies, keywords: int, total: int) -> Rows:
    """Keywords: of the title's genres, of everybody, and those that tell a sequel."""
    by_kind = np.array([1.0, 0.9, 0.35, 0.35, 0.5, 0.4, 0.05])
    movie = np.repeat(np.arange(len(movies)), deal(rng, fan_out(rng, movies, 0.9, by_kind), total, 0.19))
    lists, groups = _keyword_lists(rng, keywords)
    source = draw(rng, (0.42, 0.18, 0.4), len(movie))
    genre = movies.genres[movie, np.minimum(source, 1)]
    genre = np.where((source == 2) | (genre < 0), len(words.GENRES), genre)
    start, size = groups[:, 0][genre], groups[:, 1][genre]
    keyword = lists[start + (size * rng.random(len(movie)) ** 2.6).astype(np.int64)]
    movie, keyword = _add_telling(rng, movies, movie, keyword)
    pairs = np.unique(movie * keywords + keyword)
    codes = {"movie": pairs // keywords, "keyword": pairs % keywords}
    return Rows("movie_keyword", codes, "movie + 1, keyword + 1", (), {"movie": "title"})


def _keyword_lists(rng: np.random.Generator, keywords: int) -> tuple[Ints, Ints]:
    """One keyword list a genre plus the general one: known words first, a shared tail behind."""
    known = len(WORDLISTS["keywords"])
    home = rng.integers(0, len(words.GENRES) + 8, keywords)
    lists: list[Ints] = []
    groups = []
    for number, name in enumerate((*words.GENRES, "")):
        head = words.GENRE_KEYWORDS.get(name, "").split() if name else words.GENERAL_KEYWORDS
        belongs = home == number if name else home >= number
        tail = np.flatnonzero(belongs & (np.arange(keywords) >= known))
        members = np.array([*(POSITION["keywords"][word] for word in head), *tail], dtype=np.int64)
        groups.append((sum(len(part) for part in lists), len(members)))
        lists.append(members)
    return np.concatenate(lists), np.array(groups)


def _add_telling(rng: np.random.Generator, movies: Movies, movie: Ints, keyword: Ints) -> tuple[Ints, Ints]:
    """Keywords that follow from the title: of sequels, of Marvel's, of those named after a character."""
    marvel = np.array([franchise.marvel for franchise in words.FRANCHISES])
    planted = (movies.franchise >= 0) & (movies.franchise < PLANTED)
    tagged = [
        (word, np.flatnonzero((movies.part > least) & (rng.random(len(movies)) < chance)))
        for word, least, chance in zip(words.SEQUEL_KEYWORDS, (1, 1, 2, 1, 1), (0.8, 0.4, 0.3, 0.4, 0.1), strict=True)
    ]
    heroes = np.flatnonzero(planted & marvel[np.where(planted, movies.franchise, 0)])
    tagged += [(word, heroes) for word in words.MARVEL_KEYWORDS]
    animated = (movies.genres[:, 0] == words.GENRE_ID["Animation"]) & planted
    tagged.append(("computer-animation", np.flatnonzero(animated)))
    chance = 0.025 * np.exp(0.5 * movies.z) * (movies.kind == words.MOVIE)
    tagged.append(("character-name-in-title", np.flatnonzero(rng.random(len(movies)) < chance)))
    more = np.concatenate([titles for _, titles in tagged])
    added = np.repeat([POSITION["keywords"][word] for word, _ in tagged], [len(titles) for _, titles in tagged])
    return np.r_[movie, more], np.r_[keyword, added]


class _InfoKind(NamedTuple):
    """One information type: how many rows, on how many titles, and how steeply popularity draws them."""

    name: str
    share: float
    """Rows in 1,000 of the table, about."""
    covered: float
    """Share of titles that have any."""
    exponent: float
    episodes: float = 0.5


_MOVIE_INFO = (
    _InfoKind("runtimes", 84, 0.47, 0.2, 0.6),
    _InfoKind("color info", 88, 0.5, 0.15, 0.6),
    _InfoKind("languages", 90, 0.5, 0.2, 0.6),
    _InfoKind("certificates", 50, 0.09, 0.8, 0.25),
    _InfoKind("sound mix", 30, 0.1, 0.4, 0.4),
    _InfoKind("tech info", 120, 0.2, 0.4, 0.3),
    _InfoKind("countries", 92, 0.5, 0.2, 0.6),
    _InfoKind("taglines", 12, 0.04, 0.8, 0.02),
    _InfoKind("goofs", 20, 0.035, 0.9, 0.15),
    _InfoKind("soundtrack", 50, 0.06, 0.7, 0.2),
    _InfoKind("quotes", 55, 0.05, 0.9, 0.3),
    _InfoKind("release dates", 190, 0.55, 0.9, 0.3),
    _InfoKind("trivia", 50, 0.07, 0.9, 0.15),
    _InfoKind("locations", 60, 0.15, 0.6, 0.2),
    _InfoKind("mpaa", 4, 0.008, 0.7, 0.0),
    _InfoKind("plot", 32, 0.13, 0.5, 0.3),
    _InfoKind("filming dates", 10, 0.04, 0.6, 0.1),
    _InfoKind("copyright holder", 12, 0.05, 0.5, 0.3),
    _InfoKind("budget", 13, 0.06, 0.6, 0.02),
    _InfoKind("weekend gross", 10, 0.01, 0.9, 0.0),
    _InfoKind("gross", 12, 0.02, 0.9, 0.0),
    _InfoKind("opening weekend", 3, 0.012, 0.8, 0.0),
    _InfoKind("admissions", 3, 0.01, 0.8, 0.0),
)
_GENRE_ROWS = 105

_INFO_SQL = f"""movie + 1, type,
    CASE type
        WHEN {words.INFO_ID["genres"]} THEN $genres[a + 1]
        WHEN {words.INFO_ID["countries"]} THEN $countries[a + 1]
        WHEN {words.INFO_ID["languages"]} THEN $languages[a + 1]
        WHEN {words.INFO_ID["release dates"]} THEN $countries[a + 1] || ':'
             || CASE WHEN b % 10 < 7 THEN (b % 28 + 1) || ' ' ELSE '' END
             || $months[b % 12 + 1] || ' ' || year
        WHEN {words.INFO_ID["certificates"]} THEN $countries[a + 1] || ':' || (b % 6 * 3)
        WHEN {words.INFO_ID["runtimes"]} THEN CASE WHEN b % 4 = 0
             THEN $countries[a + 1] || ':' ELSE '' END || (20 + b % 110)
        WHEN {words.INFO_ID["color info"]} THEN CASE WHEN year < 1930 + b % 50
             THEN 'Black and White' ELSE 'Color' END
        WHEN {words.INFO_ID["sound mix"]} THEN CASE WHEN year < 1928 THEN 'Silent'
             WHEN year < 1975 + b % 20 THEN 'Mono' WHEN b % 3 = 0 THEN 'Dolby Digital' ELSE 'Stereo' END
        WHEN {words.INFO_ID["budget"]} THEN '$' || (b % 400 + 1) || '00,000'
        WHEN {words.INFO_ID["gross"]} THEN '$' || (b % 900 + 1) || ',000,000 (' || $countries[a + 1] || ')'
        WHEN {words.INFO_ID["weekend gross"]} THEN '$' || (b % 900 + 1) || ',000 (' || $countries[a + 1] || ')'
        WHEN {words.INFO_ID["locations"]} THEN $nouns[b % 40 + 1] || ' Street, ' || $countries[a + 1]
        WHEN {words.INFO_ID["mpaa"]} THEN 'Rated R for ' || lower($nouns[b % 30 + 1])
        ELSE 'The ' || lower($adjectives[b % 30 + 1] || ' ' || $nouns[b % 90 + 1] || ' and the '
             || $nouns[b // 90 % 90 + 1]) || ', ' || b END,
    CASE note WHEN 0 THEN '(internet)' WHEN 1 THEN '(premiere)' WHEN 2 THEN '(limited)'
              WHEN 3 THEN '(' || $surnames[b % 3000 + 1] || ')' END"""


def movie_info(rng: np.random.Generator, movies: Movies, total: int) -> Rows:
    """Facts about titles as text, in blocks of one information type as the dump has them."""
    everything = total / (sum(kind.share for kind in _MOVIE_INFO) + _GENRE_ROWS)
    blocks = [_info_block(rng, movies, kind, round(kind.share * everything)) for kind in _MOVIE_INFO]
    blocks.append(_genre_block(movies))
    movie, kinds = (np.concatenate([block[i] for block in blocks]) for i in (0, 1))
    a = np.concatenate([block[2] for block in blocks])
    b = rng.integers(0, 1 << 20, len(movie))
    late = rng.geometric(0.7, len(movie)) - 1
    codes = {
        "movie": movie,
        "type": kinds,
        "a": a,
        "b": b,
        "year": np.minimum(movies.year[movie] + late, 2014),
        "note": _info_notes(rng, movies, movie, kinds),
    }
    return Rows("movie_info", codes, _INFO_SQL, (("type", "a", "b", "year", "note"),), {"movie": "title"})


def _info_block(rng: np.random.Generator, movies: Movies, kind: _InfoKind, total: int) -> tuple[Ints, Ints, Ints]:
    by_kind = np.array([1.0, 0.9, 0.8, 0.7, 1.0, 0.6, kind.episodes])
    luck = 0.6 if kind.exponent > 0.3 else 0.2
    weights = np.exp(kind.exponent * movies.z + luck * rng.normal(size=len(movies)))
    counts = deal(rng, weights * by_kind[movies.kind], total, kind.covered)
    movie = np.repeat(np.arange(len(movies)), counts)
    first = np.r_[True, movie[1:] != movie[:-1]] if len(movie) else np.zeros(0, dtype=bool)
    elsewhere = ~first & (rng.random(len(movie)) < 0.8)
    place = np.where(elsewhere, draw(rng, [c.share for c in words.COUNTRIES], len(movie)), movies.country[movie])
    return movie, np.full(len(movie), words.INFO_ID[kind.name]), place


def _genre_block(movies: Movies) -> tuple[Ints, Ints, Ints]:
    movie, place = np.nonzero(movies.genres >= 0)
    return movie, np.full(len(movie), words.INFO_ID["genres"]), movies.genres[movie, place]


def _info_notes(rng: np.random.Generator, movies: Movies, movie: Ints, kinds: Ints) -> Ints:
    """Release dates tell premieres and, since 2000, the internet; texts tell their author."""
    release = kinds == words.INFO_ID["release dates"]
    texts = np.isin(kinds, [words.INFO_ID[n] for n in ("trivia", "plot", "goofs", "locations")])
    online = np.where(movies.year[movie] >= 2000, 0.02, 0.001)
    chance = rng.random(len(movie))
    note = np.where(chance < online + 0.1, 1, np.where(chance < online + 0.15, 2, -1))
    note = np.where(chance < online, 0, note)
    note = np.where(release, note, -1)
    return np.where(texts & (chance < 0.5), 3, note)


def movie_info_idx(rng: np.random.Generator, movies: Movies, total: int) -> Rows:
    """Votes and ratings of the titles known well enough, and the two rankings."""
    by_kind = np.array([0.0, 0.1, -0.3, -0.3, 0.0, 0.0, -1.3])
    # The best known titles by fame and luck: weighted sampling without replacement (Gumbel top-k).
    known = 1.1 * movies.z + by_kind[movies.kind] + 0.9 * rng.gumbel(size=len(movies))
    rated = np.sort(np.argsort(-known, kind="stable")[: max(1, total // 3)])
    votes = np.floor(np.exp(3.4 + 1.4 * movies.z[rated] + 0.8 * rng.normal(size=len(rated)))) + 5
    rating = _ratings(rng, movies, rated)
    best, worst = _rankings(movies, rated, rating, votes)
    blocks = (
        ("votes distribution", rated, rng.integers(0, 10**9, len(rated))),
        ("votes", rated, votes.astype(np.int64)),
        ("rating", rated, rating),
        ("top 250 rank", rated[best], np.arange(1, len(best) + 1)),
        ("bottom 10 rank", rated[worst], np.arange(1, len(worst) + 1)),
    )
    codes = {
        "movie": np.concatenate([movie for _, movie, _ in blocks]),
        "type": np.concatenate([np.full(len(m), words.INFO_ID[name]) for name, m, _ in blocks]),
        "value": np.concatenate([value for _, _, value in blocks]),
    }
    select = f"""movie + 1, type,
        CASE type WHEN {words.INFO_ID["votes distribution"]} THEN lpad(CAST(value AS VARCHAR), 10, '0')
                  WHEN {words.INFO_ID["rating"]} THEN (value // 10) || '.' || (value % 10)
                  ELSE CAST(value AS VARCHAR) END, NULL"""
    return Rows("movie_info_idx", codes, select, (("type", "value"),), {"movie": "title"})


def _ratings(rng: np.random.Generator, movies: Movies, rated: Ints) -> Ints:
    """Tenths of a point, 10 to 99."""
    taste = np.array([words.GENRE_RATING.get(name, 0.0) for name in words.GENRES])
    mean = 6.2 + taste[movies.genres[rated, 0]] + 0.25 * movies.z[rated]
    mean += np.where(movies.kind[rated] == words.EPISODE, 0.8, 0.0)
    mean -= np.where(rng.random(len(rated)) < 0.04, 2.5, 0.0)  # the ones people love to hate
    tenths: Ints = np.clip((mean + 1.2 * rng.normal(size=len(rated))) * 10, 10, 99).astype(np.int64)
    return tenths


def _rankings(movies: Movies, rated: Ints, rating: Ints, votes: Floats) -> tuple[Ints, Ints]:
    """Positions in ``rated`` of the top 250 (fewer in a small database) and of the bottom ten films."""
    films = np.flatnonzero(movies.kind[rated] == words.MOVIE)
    films = films[votes[films] >= np.quantile(votes[films], 0.7)]
    order = films[np.argsort(-rating[films], kind="stable")]
    return order[: min(250, len(order) // 4)], order[::-1][:10]


def complete_cast(rng: np.random.Generator, movies: Movies, total: int) -> Rows:
    """Titles whose cast or crew list is known to be complete: the well-known ones."""
    by_kind = np.array([1.0, 0.2, 0.5, 0.2, 0.2, 0.1, 0.15])
    movie = np.repeat(np.arange(len(movies)), deal(rng, fan_out(rng, movies, 0.9, by_kind), total, 0.037))
    codes = {
        "movie": movie,
        "subject": draw(rng, (0.63, 0.37), len(movie)) + 1,
        "status": draw(rng, (0.18, 0.82), len(movie)) + 3,
    }
    return Rows("complete_cast", codes, "movie + 1, subject, status", (), {"movie": "title"})


def movie_link(rng: np.random.Generator, movies: Movies, total: int) -> Rows:
    """Franchise parts follow each other; other links go from known titles to famous ones."""
    order = np.lexsort((movies.part, movies.franchise))
    order = order[movies.franchise[order] >= 0]
    paired = np.flatnonzero(movies.franchise[order][1:] == movies.franchise[order][:-1])
    earlier, later = order[paired], order[paired + 1]
    free = max(total - 2 * len(earlier), total // 3)
    by_kind = np.array([1.0, 0.5, 0.3, 0.4, 0.5, 0.4, 0.15])
    source = np.repeat(np.arange(len(movies)), deal(rng, fan_out(rng, movies, 0.9, by_kind), free, 0.0025))
    films = np.where(movies.kind == words.EPISODE, len(words.GENRES), movies.genres[:, 0])
    pools = make_pools(films, movies.z, len(words.GENRES) + 1)
    target = pools.pick(movies.genres[source, 0], rng.random(len(source)) ** 3.0)
    codes = {
        "movie": np.concatenate([later, earlier, source]),
        "linked": np.concatenate([earlier, later, target]),
        "type": np.concatenate(
            [
                np.full(len(later), 1),
                np.full(len(earlier), 2),
                draw(rng, words.FREE_LINK_SHARE, len(source)) + 1,
            ]
        ),
    }
    references = {"movie": "title", "linked": "title"}
    return Rows("movie_link", codes, "movie + 1, linked + 1, type", (), references)


_PERSON_INFO = (
    ("mini biography", 0.06), ("birth notes", 0.17), ("birth date", 0.19), ("height", 0.06),
    ("death date", 0.06), ("spouse", 0.04), ("other works", 0.12), ("birth name", 0.06),
    ("salary history", 0.02), ("nick names", 0.04), ("trade mark", 0.02), ("interviews", 0.02),
    ("article", 0.03), ("trivia", 0.13),
)  # fmt: skip


def person_info(rng: np.random.Generator, persons: Persons, total: int) -> Rows:
    """Facts about persons as text: actors' and the famous' most of all."""
    by_profession = np.array([1.2, 1.2, 0.5])
    weights = np.exp(0.85 * persons.fame + rng.normal(0.0, 0.6, len(persons)))
    person = np.repeat(np.arange(len(persons)), deal(rng, weights * by_profession[persons.profession], total, 0.132))
    which = draw(rng, [share for _, share in _PERSON_INFO], len(person))
    kinds = np.array([words.INFO_ID[name] for name, _ in _PERSON_INFO])[which]
    biography = kinds == words.INFO_ID["mini biography"]
    author = np.where(biography & (rng.random(len(person)) < 0.9), rng.integers(0, 400, len(person)), -1)
    codes = {
        "person": person,
        "type": kinds,
        "b": rng.integers(0, 1 << 20, len(person)),
        "country": persons.country[person],
        "era": persons.era[person],
        "author": np.where(author >= 0, author**2 // 400, -1),
    }
    select = f"""person + 1, type,
        CASE type
            WHEN {words.INFO_ID["birth notes"]} THEN $surnames[b % 2000 + 1] || ', ' || $countries[country + 1]
            WHEN {words.INFO_ID["birth date"]} THEN (b % 28 + 1) || ' ' || $months[b % 12 + 1] || ' '
                 || (1900 + era * 22 + b % 23)
            WHEN {words.INFO_ID["height"]} THEN (150 + b % 45) || ' cm'
            ELSE 'The ' || lower($adjectives[b % 30 + 1] || ' ' || $nouns[b % 90 + 1] || ' and the '
                 || $nouns[b // 90 % 90 + 1]) || ', ' || b END,
        CASE WHEN author = 0 THEN 'Volker Boehm' WHEN author > 0
             THEN $given[author % 60 + 1] || ' ' || $surnames[author + 1] END"""
    together = (("type", "b", "country", "era", "author"),)
    return Rows("person_info", codes, select, together, {"person": "name"})
