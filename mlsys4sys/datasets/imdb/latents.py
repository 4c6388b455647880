"""The hidden properties of titles, persons, companies and keywords that everything else follows from.

A title has a popularity (one normal ``z`` that drives *every* fan-out), a kind, a year, a country,
genres and perhaps a franchise; a person has fame, a country, a profession and an era. Real IMDb's
correlations are of this sort, and they are what estimates that assume independence get wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.datasets.imdb import vocabulary as words

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SPREAD = 0.95
"""Of the popularity latent, its standard deviation: with the fan-out exponents of ``facts`` (0.6 to 0.9) the join of
cast, keywords and companies is a few times larger than independence says, as on IMDb. With 1.3 the joins of several
such tables are about four times as large again."""
SERIES_SHARE = 0.5
"""How much of an episode's popularity is that of its series."""
FIRST_YEAR, LAST_YEAR = 1894, 2013
ERAS = 4
"""Persons and titles are matched by era; era 0 ends in 1960, 1 in 1980, 2 in 2000."""


@dataclass(frozen=True, slots=True)
class Pools:
    """Members of each group, the most prominent first; an empty group stands for everybody."""

    members: Ints
    start: Ints
    size: Ints

    def pick(self, group: Ints, where: Floats) -> Ints:
        """The member at relative rank ``where`` in [0, 1) of each group; 0 is the most prominent."""
        return self.members[self.start[group] + (self.size[group] * where).astype(np.int64)]


def make_pools(group: Ints, prominence: Floats, groups: int) -> Pools:
    """Sort the members of ``groups`` groups by falling prominence."""
    members = np.lexsort((-prominence, group)).astype(np.int64)
    size = np.bincount(group, minlength=groups).astype(np.int64)
    start = np.cumsum(size) - size
    empty = size == 0
    return Pools(members, np.where(empty, 0, start), np.where(empty, len(members), size))


def draw(rng: np.random.Generator, shares: Sequence[float], count: int) -> Ints:
    """``count`` categories with the given relative frequencies."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    drawn: Ints = np.searchsorted(edges / edges[-1], rng.random(count), side="right").clip(0, len(edges) - 1)
    return drawn


def spread(rng: np.random.Generator, weights: Floats, total: int) -> Ints:
    """Deal ``total`` rows out in proportion to ``weights``: systematic sampling, whole numbers."""
    edges = np.floor(np.cumsum(weights) * (total / weights.sum()) + rng.random()).astype(np.int64)
    counts: Ints = np.diff(edges, prepend=0)
    return counts


def deal(rng: np.random.Generator, weights: Floats, total: int, covered: float) -> Ints:
    """How many of ``total`` rows each entity gets when only a share ``covered`` gets any.

    Who is covered is drawn without replacement in proportion to ``weights`` (Gumbel top-k); they
    get a row each and the rest is dealt out by weight. Popular titles are thus the ones that have
    keywords *and* ratings *and* companies, as on IMDb, where most titles have little of anything.
    """
    chosen = min(round(covered * len(weights)), total)
    with np.errstate(divide="ignore"):
        score = np.log(weights) + rng.gumbel(size=len(weights))
    lucky = np.sort(np.argsort(-score, kind="stable")[:chosen])
    counts = np.zeros(len(weights), dtype=np.int64)
    counts[lucky] = 1 + spread(rng, weights[lucky], total - chosen)
    return counts


@dataclass(frozen=True, slots=True)
class Movies:
    """Latents of the titles, one entry a title; the title's id is the position plus one."""

    z: Floats
    kind: Ints
    year: Ints
    country: Ints
    genres: Ints
    """Shape (titles, 3); -1 where a title has fewer."""
    series: Ints
    """Position of the series an episode belongs to, else -1."""
    season: Ints
    episode: Ints
    franchise: Ints
    """Number of the franchise, -1 none; the first ``len(FRANCHISES)`` are the planted ones."""
    part: Ints

    def __len__(self) -> int:
        return len(self.z)

    @property
    def era(self) -> Ints:
        """The era of each title."""
        return era_of(self.year)


@dataclass(frozen=True, slots=True)
class Persons:
    """Latents of the persons; the id is the position plus one."""

    fame: Floats
    country: Ints
    profession: Ints
    """0 actor, 1 actress, 2 crew."""
    era: Ints
    gender: Ints
    """0 male, 1 female, 2 not recorded."""

    def __len__(self) -> int:
        return len(self.fame)


@dataclass(frozen=True, slots=True)
class Companies:
    """Latents of the companies; the first ones are the well-known of the vocabulary."""

    size: Floats
    country: Ints

    def __len__(self) -> int:
        return len(self.size)


def era_of(year: Ints) -> Ints:
    """0: before 1960, 1: before 1980, 2: before 2000, 3: since."""
    return np.digitize(year, [1960, 1980, 2000]).astype(np.int64)


def make_movies(rng: np.random.Generator, count: int, spread: float = SPREAD) -> Movies:
    """Draw the latents of ``count`` titles, episodes inheriting from their series."""
    kind = draw(rng, words.KIND_SHARE, count)
    kind[: len(words.FRANCHISES)] = words.TV_SERIES  # even the smallest database has series
    rng.shuffle(kind)
    country = draw(rng, [c.share for c in words.COUNTRIES], count)
    film = kind != words.EPISODE
    age = np.where(film, rng.exponential(19.0, count), rng.exponential(12.0, count))
    age = np.where(rng.random(count) < 0.004, rng.integers(-5, 0, count), age)  # announced
    year = np.clip(LAST_YEAR - age.astype(np.int64), FIRST_YEAR, None)
    z = rng.normal(0.0, spread, count)
    series = np.full(count, -1, dtype=np.int64)
    season = np.zeros(count, dtype=np.int64)
    episode = np.zeros(count, dtype=np.int64)
    first_genre = _first_genres(rng, country, film)
    z += _country_popularity(country) + 0.25 * (era_of(year) - 2)

    _adopt_episodes(rng, kind, z, (series, season, episode), (country, first_genre, year))
    genres = _all_genres(rng, first_genre)
    movies = Movies(
        z=z, kind=kind, year=year, country=country, genres=genres, series=series, season=season,
        episode=episode, franchise=np.full(count, -1, dtype=np.int64),
        part=np.zeros(count, dtype=np.int64),
    )  # fmt: skip
    _found_franchises(rng, movies)
    _plant_franchises(movies)
    return movies


def _country_popularity(country: Ints) -> Floats:
    boost = np.zeros(len(words.COUNTRIES))
    for code, value in words.COUNTRY_POPULARITY.items():
        boost[words.COUNTRY_ID[code]] = value
    return boost[country]


def _first_genres(rng: np.random.Generator, country: Ints, film: NDArray[np.bool_]) -> Ints:
    """Each title's leading genre, from its country's and its medium's tastes."""
    genre = np.empty(len(country), dtype=np.int64)
    for code, place in words.COUNTRY_ID.items():
        taste = np.ones(len(words.GENRES))
        for name in words.COUNTRY_GENRES.get(code, "").split():
            taste[words.GENRE_ID[name]] *= 2.0
        for shares, mask in ((words.FILM_GENRE_SHARE, film), (words.TV_GENRE_SHARE, ~film)):
            here = np.flatnonzero((country == place) & mask)
            genre[here] = draw(rng, list(np.asarray(shares) * taste), len(here))
    return genre


def _all_genres(rng: np.random.Generator, first: Ints) -> Ints:
    """Add up to two genres that go with the first."""
    genres = np.full((len(first), 3), -1, dtype=np.int64)
    genres[:, 0] = first
    for number, name in enumerate(words.GENRES):
        fitting = [words.GENRE_ID[g] for g in words.GENRE_AFFINITY.get(name, "Drama Comedy").split()]
        here = np.flatnonzero(first == number)
        start = rng.integers(0, len(fitting), len(here))
        second = np.take(fitting, start)
        third = np.take(fitting, (start + 1) % len(fitting))
        how_many = rng.random(len(here))
        genres[here, 1] = np.where((how_many < 0.42) & (second != number), second, -1)
        genres[here, 2] = np.where((how_many < 0.15) & (third != second) & (third != number), third, -1)
    return genres


def _adopt_episodes(
    rng: np.random.Generator,
    kind: Ints,
    z: Floats,
    own: tuple[Ints, Ints, Ints],
    inherited: tuple[Ints, ...],
) -> None:
    """Give each episode a series, popular ones having more; it inherits country, genre and year."""
    series, season, episode = own
    parents = np.flatnonzero(kind == words.TV_SERIES)
    children = np.flatnonzero(kind == words.EPISODE)
    weight = np.exp(0.9 * z[parents] + 0.8 * rng.normal(size=len(parents)))
    counts = spread(rng, weight, len(children))
    parent = np.repeat(parents, counts)
    number = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    children = children[: len(parent)]
    series[children] = parent
    season[children] = number // 22 + 1
    episode[children] = np.where(rng.random(len(parent)) < 0.75, number % 22 + 1, number + 1)
    for latent in inherited:
        latent[children] = latent[parent]
    year = inherited[-1]
    year[children] = np.minimum(year[children] + season[children] - 1, LAST_YEAR)
    z[children] = SERIES_SHARE * z[parent] + (1 - SERIES_SHARE**2) ** 0.5 * z[children]


def _found_franchises(rng: np.random.Generator, movies: Movies) -> None:
    """Tie popular films, and series, of one country and genre together as numbered parts."""
    chance = 0.006 * np.exp(0.9 * movies.z)
    able = np.isin(movies.kind, (words.MOVIE, words.TV_SERIES))
    films = np.flatnonzero(able & (rng.random(len(movies)) < chance))
    keys = (movies.year, movies.genres[:, 0], movies.country, movies.kind)
    order = films[np.lexsort([key[films] for key in keys])]
    group = np.arange(len(order)) // 4
    movies.franchise[order] = group + len(words.FRANCHISES)
    movies.part[order] = np.arange(len(order)) % 4 + 1


def _plant_franchises(movies: Movies) -> None:
    """Turn popular titles into the parts of the well-known franchises."""
    taken = 0
    ranking = {
        kind: np.flatnonzero(movies.kind == kind)[np.argsort(-movies.z[movies.kind == kind], kind="stable")]
        for kind in (words.MOVIE, words.EPISODE)
    }
    for number, franchise in enumerate(words.FRANCHISES):
        # Every third of the popular titles, so that the planted ones are not all at the very top.
        parts = ranking[franchise.kind][taken * 3 : (taken + franchise.parts) * 3 : 3]
        taken += franchise.parts
        movies.franchise[parts] = number
        movies.part[parts] = np.arange(1, len(parts) + 1)
        movies.country[parts] = words.COUNTRY_ID[franchise.country]
        movies.genres[parts] = [words.GENRE_ID[g] for g in franchise.genres.split()]
        movies.year[parts] = franchise.first_year + 2 * np.arange(len(parts))


def make_persons(rng: np.random.Generator, count: int, spread: float = SPREAD) -> Persons:
    """Draw the latents of ``count`` persons."""
    profession = draw(rng, (0.42, 0.24, 0.34), count)
    recorded = draw(rng, (0.1, 0.05, 0.85), count)
    return Persons(
        fame=rng.normal(0.0, spread, count),
        country=draw(rng, [c.share for c in words.COUNTRIES], count),
        profession=profession,
        era=draw(rng, (0.15, 0.15, 0.25, 0.45), count),
        gender=np.where(profession < 2, profession, recorded),
    )


def make_companies(rng: np.random.Generator, count: int) -> Companies:
    """Draw the latents of ``count`` companies; the well-known ones are the largest."""
    size = rng.normal(0.0, 1.0, count)
    country = draw(rng, [c.share for c in words.COUNTRIES], count)
    known = len(words.COMPANIES)
    size[:known] = np.linspace(6.0, 4.0, known)
    country[:known] = [words.COUNTRY_ID[code] for _, code in words.COMPANIES]
    return Companies(size=size, country=country)
