"""The 21 tables of the Join Order Benchmark, how large they are at full scale, and what refers to what.

Names and columns are those of the public IMDb dump as Leis et al. use it (How Good Are Query
Optimizers, Really?, VLDB 2015), so that the benchmark's queries run unchanged. One exception has
nothing to do with the data: ``AS at`` is a reserved word in DuckDB 2.0 and must be renamed in queries.
"""

from __future__ import annotations

from mlsys4sys.datasets.schema import Column, ForeignKey, Schema


def _columns(text: str) -> tuple[Column, ...]:
    """Read ``name`` (text), ``name:int``; a trailing ``!`` means NOT NULL."""
    columns = []
    for word in text.split():
        name, _, kind = word.rstrip("!").partition(":")
        columns.append(Column(name, "INTEGER" if kind == "int" else "VARCHAR", not word.endswith("!")))
    return tuple(columns)


TABLES: dict[str, tuple[Column, ...]] = {
    "aka_name": _columns("id:int! person_id:int! name! imdb_index name_pcode_cf name_pcode_nf surname_pcode md5sum"),
    "aka_title": _columns(
        "id:int! movie_id:int! title! imdb_index kind_id:int! production_year:int phonetic_code"
        " episode_of_id:int season_nr:int episode_nr:int note md5sum"
    ),
    "cast_info": _columns("id:int! person_id:int! movie_id:int! person_role_id:int note nr_order:int role_id:int!"),
    "char_name": _columns("id:int! name! imdb_index imdb_id:int name_pcode_nf surname_pcode md5sum"),
    "comp_cast_type": _columns("id:int! kind!"),
    "company_name": _columns("id:int! name! country_code imdb_id:int name_pcode_nf name_pcode_sf md5sum"),
    "company_type": _columns("id:int! kind!"),
    "complete_cast": _columns("id:int! movie_id:int subject_id:int! status_id:int!"),
    "info_type": _columns("id:int! info!"),
    "keyword": _columns("id:int! keyword! phonetic_code"),
    "kind_type": _columns("id:int! kind!"),
    "link_type": _columns("id:int! link!"),
    "movie_companies": _columns("id:int! movie_id:int! company_id:int! company_type_id:int! note"),
    "movie_info": _columns("id:int! movie_id:int! info_type_id:int! info! note"),
    "movie_info_idx": _columns("id:int! movie_id:int! info_type_id:int! info! note"),
    "movie_keyword": _columns("id:int! movie_id:int! keyword_id:int!"),
    "movie_link": _columns("id:int! movie_id:int! linked_movie_id:int! link_type_id:int!"),
    "name": _columns("id:int! name! imdb_index imdb_id:int gender name_pcode_cf name_pcode_nf surname_pcode md5sum"),
    "person_info": _columns("id:int! person_id:int! info_type_id:int! info! note"),
    "role_type": _columns("id:int! role!"),
    "title": _columns(
        "id:int! title! imdb_index kind_id:int! production_year:int imdb_id:int phonetic_code"
        " episode_of_id:int season_nr:int episode_nr:int series_years md5sum"
    ),
}

FOREIGN_KEYS: tuple[ForeignKey, ...] = tuple(
    ForeignKey(table, column, ref_table, "id")
    for table, column, ref_table in (
        ("aka_name", "person_id", "name"),
        ("aka_title", "movie_id", "title"),
        ("aka_title", "kind_id", "kind_type"),
        ("aka_title", "episode_of_id", "title"),
        ("cast_info", "person_id", "name"),
        ("cast_info", "movie_id", "title"),
        ("cast_info", "person_role_id", "char_name"),
        ("cast_info", "role_id", "role_type"),
        ("complete_cast", "movie_id", "title"),
        ("complete_cast", "subject_id", "comp_cast_type"),
        ("complete_cast", "status_id", "comp_cast_type"),
        ("movie_companies", "movie_id", "title"),
        ("movie_companies", "company_id", "company_name"),
        ("movie_companies", "company_type_id", "company_type"),
        ("movie_info", "movie_id", "title"),
        ("movie_info", "info_type_id", "info_type"),
        ("movie_info_idx", "movie_id", "title"),
        ("movie_info_idx", "info_type_id", "info_type"),
        ("movie_keyword", "movie_id", "title"),
        ("movie_keyword", "keyword_id", "keyword"),
        ("movie_link", "movie_id", "title"),
        ("movie_link", "linked_movie_id", "title"),
        ("movie_link", "link_type_id", "link_type"),
        ("person_info", "person_id", "name"),
        ("person_info", "info_type_id", "info_type"),
        ("title", "kind_id", "kind_type"),
        ("title", "episode_of_id", "title"),
    )
)

SCHEMA = Schema(TABLES, FOREIGN_KEYS)

FULL_SCALE_ROWS: dict[str, int] = {
    "aka_name": 901_343,
    "aka_title": 361_472,
    "cast_info": 36_244_344,
    "char_name": 3_140_339,
    "company_name": 234_997,
    "complete_cast": 135_086,
    "keyword": 134_170,
    "movie_companies": 2_609_129,
    "movie_info": 14_835_720,
    "movie_info_idx": 1_380_035,
    "movie_keyword": 4_523_930,
    "movie_link": 29_997,
    "name": 4_167_491,
    "person_info": 2_963_664,
    "title": 2_528_312,
}
"""Rows of the tables that grow with ``scale``, at ``scale=1``: the sizes of the 2013 IMDb dump."""
