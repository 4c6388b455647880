"""Analysts' questions over the IMDb-shaped database, in plain English and in SQL, written by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question."""

    name: str
    text: str
    """What an analyst would ask."""
    sql: str
    demo: bool = False
    """Whether the demo asks it: those that take DuckDB longest."""


QUESTIONS = (
    Question(
        name="sequel-actresses",
        text="Which actresses appear in sequels that American companies distribute, and in how many?",
        sql="""\
SELECT n.name, count(DISTINCT t.id) AS sequels
FROM title t, movie_keyword mk, keyword k, cast_info ci, role_type rt, name n, movie_companies mc,
  company_name cn, company_type ct
WHERE t.id = mk.movie_id AND mk.keyword_id = k.id AND t.id = ci.movie_id AND ci.role_id = rt.id
  AND ci.person_id = n.id
  AND t.id = mc.movie_id AND mc.company_id = cn.id AND mc.company_type_id = ct.id
  AND k.keyword = 'sequel' AND rt.role = 'actress' AND cn.country_code = '[us]' AND ct.kind = 'distributors'
GROUP BY n.name ORDER BY sequels DESC, n.name LIMIT 10
""",
    ),
    Question(
        name="novel-adaptations",
        text="How are films based on novels rated, decade by decade?",
        sql="""\
SELECT t.production_year // 10 * 10 AS decade, count(*) AS films, avg(CAST(mi.info AS DOUBLE)) AS rating
FROM title t
JOIN movie_keyword mk ON mk.movie_id = t.id
JOIN keyword k ON k.id = mk.keyword_id
JOIN movie_info_idx mi ON mi.movie_id = t.id
JOIN info_type it ON it.id = mi.info_type_id
JOIN kind_type kt ON kt.id = t.kind_id
WHERE k.keyword = 'based-on-novel' AND it.info = 'rating' AND kt.kind = 'movie'
  AND t.production_year IS NOT NULL
GROUP BY decade ORDER BY decade
""",
    ),
    Question(
        name="voices-of-animation",
        text="Who lends a voice to animated films most often?",
        sql="""\
SELECT n.name, count(*) AS roles
FROM cast_info ci, name n, title t, movie_info mi, info_type it, role_type rt
WHERE ci.person_id = n.id AND ci.movie_id = t.id AND mi.movie_id = t.id AND mi.info_type_id = it.id
  AND ci.role_id = rt.id
  AND ci.note = '(voice)' AND it.info = 'genres' AND mi.info = 'Animation'
    AND rt.role IN ('actor', 'actress')
GROUP BY n.name ORDER BY roles DESC, n.name LIMIT 20
""",
        demo=True,
    ),
    Question(
        name="biographies-of-the-linked",
        text="Whose life stories are told of people who played in films that others refer to?",
        sql="""\
SELECT count(*) AS credits, count(DISTINCT n.id) AS people, min(n.name) AS first_name
FROM person_info pi, info_type it, name n, aka_name an, cast_info ci, title t, movie_link ml, link_type lt
WHERE pi.info_type_id = it.id AND pi.person_id = n.id AND an.person_id = n.id AND ci.person_id = n.id
  AND ci.movie_id = t.id AND ml.linked_movie_id = t.id AND ml.link_type_id = lt.id
  AND it.info = 'mini biography' AND pi.note IS NOT NULL
    AND lt.link IN ('references', 'features', 'follows')
  AND t.production_year BETWEEN 1975 AND 2012
""",
    ),
    Question(
        name="co-stars",
        text="Which pairs of actors share the most well-voted films?",
        sql="""\
SELECT a.name AS one, b.name AS other, count(*) AS films
FROM cast_info ca, cast_info cb, name a, name b, title t, movie_info_idx mi, info_type it, role_type ra,
  role_type rb
WHERE ca.movie_id = t.id AND cb.movie_id = t.id AND a.id = ca.person_id AND b.id = cb.person_id
  AND ca.person_id < cb.person_id
  AND mi.movie_id = t.id AND mi.info_type_id = it.id AND ra.id = ca.role_id AND rb.id = cb.role_id
  AND it.info = 'top 250 rank' AND ra.role = 'actor' AND rb.role = 'actor'
GROUP BY one, other ORDER BY films DESC, one, other LIMIT 10
""",
    ),
    Question(
        name="keywords-of-hits",
        text="Which keywords do the films of the top 250 list carry, and who produced them?",
        sql="""\
SELECT k.keyword, cn.name, count(*) AS films
FROM title t, movie_info_idx mi, info_type it, movie_keyword mk, keyword k, movie_companies mc,
  company_name cn, company_type ct
WHERE mi.movie_id = t.id AND it.id = mi.info_type_id AND mk.movie_id = t.id AND k.id = mk.keyword_id
  AND mc.movie_id = t.id AND cn.id = mc.company_id AND ct.id = mc.company_type_id
  AND it.info = 'top 250 rank' AND ct.kind = 'production companies'
GROUP BY k.keyword, cn.name ORDER BY films DESC, k.keyword, cn.name LIMIT 15
""",
    ),
    Question(
        name="aliases-in-novel-films",
        text="How many actors with an alias played in films based on novels that were released in the USA?",
        sql="""\
SELECT count(DISTINCT an.person_id) AS actors, count(*) AS rows
FROM aka_name an, name n, cast_info ci, title t, movie_keyword mk, keyword k, movie_info mi, info_type it
WHERE an.person_id = n.id AND ci.person_id = n.id AND ci.movie_id = t.id AND mk.movie_id = t.id
  AND mk.keyword_id = k.id
  AND mi.movie_id = t.id AND mi.info_type_id = it.id
  AND k.keyword IN ('based-on-novel', 'based-on-play') AND it.info = 'release dates'
    AND mi.info LIKE 'USA:%' AND n.gender = 'm'
""",
        demo=True,
    ),
    Question(
        name="directors-who-write",
        text="Which directors wrote what they directed, for dramas with more than a handful of votes?",
        sql="""\
SELECT n.name, count(DISTINCT t.id) AS films
FROM cast_info d, cast_info w, role_type rd, role_type rw, name n, title t, movie_info mi, movie_info_idx v,
  info_type ig, info_type iv
WHERE d.movie_id = t.id AND w.movie_id = t.id AND d.person_id = w.person_id AND d.person_id = n.id
  AND d.role_id = rd.id AND w.role_id = rw.id AND mi.movie_id = t.id AND mi.info_type_id = ig.id
    AND v.movie_id = t.id AND v.info_type_id = iv.id
  AND rd.role = 'director' AND rw.role = 'writer' AND ig.info = 'genres' AND mi.info = 'Drama'
    AND iv.info = 'votes' AND length(v.info) >= 4
GROUP BY n.name ORDER BY films DESC, n.name LIMIT 10
""",
    ),
    Question(
        name="linked-companies",
        text="Which companies made both a film and one that is linked to it?",
        sql="""\
SELECT ca.name, lt.link, count(*) AS pairs
FROM movie_link ml, link_type lt, title one, title other, movie_companies ma, movie_companies mb,
  company_name ca, kind_type kt
WHERE ml.link_type_id = lt.id AND ml.movie_id = one.id AND ml.linked_movie_id = other.id
  AND ma.movie_id = one.id AND mb.movie_id = other.id AND ma.company_id = mb.company_id
    AND ma.company_id = ca.id AND one.kind_id = kt.id
  AND ca.country_code = '[us]' AND kt.kind = 'movie'
GROUP BY ca.name, lt.link ORDER BY pairs DESC, ca.name, lt.link LIMIT 10
""",
    ),
    Question(
        name="sequels-with-stars",
        text="How often do people from a film come back in the one that follows it?",
        sql="""\
SELECT count(*) AS returns, count(DISTINCT a.person_id) AS people
FROM movie_link ml, link_type lt, title one, title other, cast_info a, cast_info b, name n
WHERE ml.link_type_id = lt.id AND ml.movie_id = one.id AND ml.linked_movie_id = other.id
  AND a.movie_id = one.id AND b.movie_id = other.id AND a.person_id = b.person_id AND n.id = a.person_id
  AND lt.link = 'followed by' AND n.gender = 'f'
""",
    ),
    Question(
        name="horror-after-midnight",
        text="Which countries release the most horror films with violence in their keywords?",
        sql="""\
SELECT c.info AS country, count(DISTINCT t.id) AS films
FROM title t, movie_info g, info_type ig, movie_info c, info_type ic, movie_keyword mk, keyword k,
  movie_info_idx r, info_type ir
WHERE g.movie_id = t.id AND g.info_type_id = ig.id AND c.movie_id = t.id AND c.info_type_id = ic.id
  AND mk.movie_id = t.id AND mk.keyword_id = k.id AND r.movie_id = t.id AND r.info_type_id = ir.id
  AND ig.info = 'genres' AND g.info = 'Horror' AND ic.info = 'countries' AND ir.info = 'rating'
  AND k.keyword IN ('murder', 'blood', 'violence', 'gore', 'death')
GROUP BY country ORDER BY films DESC, country LIMIT 10
""",
    ),
    Question(
        name="uncredited-in-episodes",
        text="In which series do people appear uncredited most often?",
        sql="""\
SELECT s.title, count(*) AS appearances
FROM title e, title s, cast_info ci, name n, kind_type kt, role_type rt
WHERE e.episode_of_id = s.id AND ci.movie_id = e.id AND ci.person_id = n.id AND e.kind_id = kt.id
  AND ci.role_id = rt.id
  AND kt.kind = 'episode' AND ci.note = '(uncredited)' AND rt.role IN ('actor', 'actress')
    AND n.name LIKE 'B%'
GROUP BY s.title ORDER BY appearances DESC, s.title LIMIT 10
""",
        demo=True,
    ),
    Question(
        name="complete-casts",
        text="What do films with a complete, verified cast have in common with others of their studio?",
        sql="""\
SELECT cn.name, count(DISTINCT t.id) AS films
FROM complete_cast cc, comp_cast_type subject, comp_cast_type status, title t, movie_companies mc,
  company_name cn, movie_keyword mk, keyword k
WHERE cc.subject_id = subject.id AND cc.status_id = status.id AND cc.movie_id = t.id AND mc.movie_id = t.id
  AND mc.company_id = cn.id
  AND mk.movie_id = t.id AND mk.keyword_id = k.id
  AND subject.kind = 'cast' AND status.kind = 'complete+verified' AND t.production_year > 1990
GROUP BY cn.name ORDER BY films DESC, cn.name LIMIT 10
""",
        demo=True,
    ),
    Question(
        name="famous-births",
        text="Where were the people born who play in the most referenced films?",
        sql="""\
SELECT pi.info AS born, count(DISTINCT n.id) AS people
FROM person_info pi, info_type it, name n, cast_info ci, title t, movie_link ml, link_type lt, kind_type kt
WHERE pi.info_type_id = it.id AND pi.person_id = n.id AND ci.person_id = n.id AND ci.movie_id = t.id
  AND t.kind_id = kt.id
  AND ml.movie_id = t.id AND ml.link_type_id = lt.id
  AND it.info = 'birth notes' AND lt.link = 'referenced in' AND kt.kind IN ('movie', 'tv series')
GROUP BY born ORDER BY people DESC, born LIMIT 10
""",
    ),
    Question(
        name="tall-action-heroes",
        text="Which heights are on record for people in action films of popular studios?",
        sql="""\
SELECT count(*) AS credits, count(DISTINCT n.id) AS people
FROM person_info pi, info_type ih, name n, cast_info ci, title t, movie_info g, info_type ig,
  movie_companies mc, company_name cn
WHERE pi.info_type_id = ih.id AND pi.person_id = n.id AND ci.person_id = n.id AND ci.movie_id = t.id
  AND g.movie_id = t.id AND g.info_type_id = ig.id AND mc.movie_id = t.id AND mc.company_id = cn.id
  AND ih.info = 'height' AND ig.info = 'genres' AND g.info = 'Action'
    AND cn.name IN ('Warner Bros. Pictures', 'Universal Pictures', '20th Century Fox')
""",
    ),
    Question(
        name="keyword-neighbours",
        text="Which keywords go together with 'sequel'?",
        sql="""\
SELECT other.keyword, count(*) AS films
FROM keyword k, movie_keyword a, movie_keyword b, keyword other, title t, movie_info_idx v, info_type it
WHERE a.keyword_id = k.id AND a.movie_id = t.id AND b.movie_id = t.id AND b.keyword_id = other.id
  AND v.movie_id = t.id AND v.info_type_id = it.id
  AND k.keyword = 'sequel' AND other.id <> k.id AND it.info = 'votes'
GROUP BY other.keyword ORDER BY films DESC, other.keyword LIMIT 20
""",
    ),
    Question(
        name="alternative-titles",
        text="Which films with foreign titles were filmed at known locations by American companies?",
        sql="""\
SELECT count(DISTINCT t.id) AS films, count(*) AS titles
FROM aka_title at1, title t, movie_info l, info_type il, movie_companies mc, company_name cn,
  company_type ct
WHERE at1.movie_id = t.id AND l.movie_id = t.id AND l.info_type_id = il.id AND mc.movie_id = t.id
  AND mc.company_id = cn.id AND mc.company_type_id = ct.id
  AND il.info = 'locations' AND cn.country_code = '[us]' AND ct.kind = 'production companies'
    AND t.production_year >= 2000
""",
    ),
    Question(
        name="double-links",
        text="Which films refer to films that themselves refer to others?",
        sql="""\
SELECT a.title, c.title AS over_two, count(*) AS ways
FROM movie_link x, movie_link y, title a, title b, title c, kind_type kt, movie_keyword mk
WHERE x.movie_id = a.id AND x.linked_movie_id = b.id AND y.movie_id = b.id AND y.linked_movie_id = c.id
  AND a.kind_id = kt.id AND mk.movie_id = b.id
  AND kt.kind = 'movie' AND a.id <> c.id
GROUP BY a.title, over_two ORDER BY ways DESC, a.title, over_two LIMIT 10
""",
    ),
    Question(
        name="producers-of-comedies",
        text="Who produces comedies and dramas alike?",
        sql="""\
SELECT n.name, count(*) AS credits
FROM name n
JOIN cast_info ci ON ci.person_id = n.id
JOIN role_type rt ON rt.id = ci.role_id
JOIN title t ON t.id = ci.movie_id
JOIN movie_info g ON g.movie_id = t.id
JOIN movie_info h ON h.movie_id = t.id
JOIN info_type it ON it.id = g.info_type_id AND it.id = h.info_type_id
WHERE rt.role = 'producer' AND it.info = 'genres' AND g.info = 'Comedy' AND h.info = 'Drama'
  AND ci.note LIKE '%executive%'
GROUP BY n.name ORDER BY credits DESC, n.name LIMIT 10
""",
    ),
    Question(
        name="busy-years",
        text="In which years did people with a known death date play in films with trivia?",
        sql="""\
SELECT t.production_year, count(*) AS credits
FROM title t, cast_info ci, name n, person_info pi, info_type ip, movie_info mi, info_type im, role_type rt
WHERE ci.movie_id = t.id AND ci.person_id = n.id AND pi.person_id = n.id AND pi.info_type_id = ip.id
  AND mi.movie_id = t.id AND mi.info_type_id = im.id AND ci.role_id = rt.id
  AND ip.info = 'death date' AND im.info = 'trivia' AND rt.role IN ('actor', 'actress')
GROUP BY t.production_year ORDER BY credits DESC, t.production_year LIMIT 10
""",
        demo=True,
    ),
    Question(
        name="composers-abroad",
        text="Which composers worked for companies of three countries or more?",
        sql="""\
SELECT n.name, count(DISTINCT cn.country_code) AS countries
FROM name n, cast_info ci, role_type rt, title t, movie_companies mc, company_name cn, kind_type kt
WHERE ci.person_id = n.id AND ci.role_id = rt.id AND ci.movie_id = t.id AND mc.movie_id = t.id
  AND mc.company_id = cn.id AND t.kind_id = kt.id
  AND rt.role = 'composer' AND kt.kind = 'movie' AND cn.country_code IS NOT NULL
GROUP BY n.name HAVING count(DISTINCT cn.country_code) >= 3 ORDER BY countries DESC, n.name LIMIT 10
""",
    ),
    Question(
        name="unrated-favourites",
        text="How many films with keywords and a cast were never rated, by kind?",
        sql="""\
SELECT kt.kind, count(DISTINCT t.id) AS films
FROM title t JOIN kind_type kt ON kt.id = t.kind_id
  JOIN movie_keyword mk ON mk.movie_id = t.id JOIN keyword k ON k.id = mk.keyword_id
WHERE k.keyword LIKE '%love%' AND NOT EXISTS (
  SELECT 1 FROM movie_info_idx mi JOIN info_type it ON it.id = mi.info_type_id WHERE mi.movie_id = t.id
    AND it.info = 'rating')
GROUP BY kt.kind ORDER BY films DESC, kt.kind
""",
    ),
    Question(
        name="studios-and-links",
        text="How many films does each big studio have, and how many links of theirs to others?",
        sql="""\
SELECT cn.name, count(DISTINCT t.id) AS titles, count(DISTINCT ml.id) AS links
FROM company_name cn JOIN movie_companies mc ON mc.company_id = cn.id JOIN title t ON t.id = mc.movie_id
JOIN kind_type kt ON kt.id = t.kind_id LEFT JOIN movie_link ml ON ml.movie_id = t.id
WHERE cn.name IN ('Warner Bros. Pictures', 'Universal Pictures', 'Paramount Pictures', 'Gaumont')
  AND kt.kind = 'movie'
GROUP BY cn.name ORDER BY cn.name
""",
    ),
    Question(
        name="best-of-genre",
        text="Which keywords do the best rated thrillers share?",
        sql="""\
WITH thrillers AS (
  SELECT t.id, CAST(r.info AS DOUBLE) AS rating
  FROM title t JOIN movie_info g ON g.movie_id = t.id JOIN info_type ig ON ig.id = g.info_type_id
  JOIN movie_info_idx r ON r.movie_id = t.id JOIN info_type ir ON ir.id = r.info_type_id
  WHERE ig.info = 'genres' AND g.info = 'Thriller' AND ir.info = 'rating'
)
SELECT k.keyword, count(*) AS films, avg(x.rating) AS rating
FROM thrillers x JOIN movie_keyword mk ON mk.movie_id = x.id JOIN keyword k ON k.id = mk.keyword_id
WHERE x.rating >= 7 GROUP BY k.keyword HAVING count(*) >= 3 ORDER BY films DESC, k.keyword LIMIT 15
""",
    ),
    Question(
        name="guests-with-a-biography",
        text="Which series have guests whose biographies are written?",
        sql="""\
SELECT s.title, count(DISTINCT n.id) AS guests
FROM title s, title e, cast_info ci, name n, person_info pi, info_type it, kind_type kt
WHERE e.episode_of_id = s.id AND ci.movie_id = e.id AND ci.person_id = n.id AND pi.person_id = n.id
  AND pi.info_type_id = it.id AND s.kind_id = kt.id
  AND it.info = 'mini biography' AND kt.kind = 'tv series' AND ci.note IS NOT NULL
GROUP BY s.title ORDER BY guests DESC, s.title LIMIT 10
""",
        demo=True,
    ),
    Question(
        name="fans-of-marvel",
        text="Who plays named characters in films about superheroes, and under which alias are they known?",
        sql="""\
SELECT count(*) AS rows, count(DISTINCT n.id) AS people, count(DISTINCT ch.id) AS characters
FROM keyword k, movie_keyword mk, title t, cast_info ci, char_name ch, name n, aka_name an
WHERE mk.keyword_id = k.id AND mk.movie_id = t.id AND ci.movie_id = t.id AND ci.person_role_id = ch.id
  AND ci.person_id = n.id AND an.person_id = n.id
  AND k.keyword IN ('superhero', 'marvel-comics', 'based-on-comic')
""",
    ),
    Question(
        name="character-names",
        text="Which characters give their name to a film they are in, in American releases?",
        sql="""\
SELECT ch.name, count(DISTINCT t.id) AS films
FROM title t, movie_keyword mk, keyword k, cast_info ci, char_name ch, movie_companies mc, company_name cn,
  name n
WHERE mk.movie_id = t.id AND mk.keyword_id = k.id AND ci.movie_id = t.id AND ci.person_role_id = ch.id
  AND mc.movie_id = t.id AND mc.company_id = cn.id AND ci.person_id = n.id
  AND k.keyword = 'character-name-in-title' AND cn.country_code = '[us]'
GROUP BY ch.name ORDER BY films DESC, ch.name LIMIT 10
""",
        demo=True,
    ),
    Question(
        name="american-novels",
        text="How many people of both sexes acted in American films from novels, and under which companies?",
        sql="""\
SELECT n.gender, count(*) AS credits, count(DISTINCT mc.company_id) AS companies
FROM title t, movie_keyword mk, keyword k, movie_info mi, info_type it, cast_info ci, name n,
  movie_companies mc, company_name cn
WHERE mk.movie_id = t.id AND mk.keyword_id = k.id AND mi.movie_id = t.id AND mi.info_type_id = it.id
  AND ci.movie_id = t.id AND ci.person_id = n.id
  AND mc.movie_id = t.id AND mc.company_id = cn.id
  AND k.keyword IN ('based-on-novel', 'murder', 'love', 'independent-film') AND it.info = 'countries'
    AND mi.info = 'USA' AND cn.country_code = '[us]'
  AND n.gender IS NOT NULL
GROUP BY n.gender ORDER BY n.gender
""",
        demo=True,
    ),
    Question(
        name="spoofs",
        text="Which films are spoofed, and by films of which genres?",
        sql="""\
SELECT g.info AS genre, count(*) AS spoofs
FROM movie_link ml, link_type lt, title t, title s, movie_info g, info_type it
WHERE ml.link_type_id = lt.id AND ml.movie_id = t.id AND ml.linked_movie_id = s.id AND g.movie_id = s.id
  AND g.info_type_id = it.id
  AND lt.link IN ('spoofed in', 'spoofs') AND it.info = 'genres'
GROUP BY genre ORDER BY spoofs DESC, genre
""",
    ),
    Question(
        name="in-many-tongues",
        text="Which languages are spoken in romantic comedies that people vote on?",
        sql="""\
SELECT l.info AS language, count(DISTINCT t.id) AS films
FROM title t, movie_info l, info_type il, movie_info c, movie_info d, info_type ic, movie_info_idx v,
  info_type iv, kind_type kt
WHERE l.movie_id = t.id AND l.info_type_id = il.id AND c.movie_id = t.id AND c.info_type_id = ic.id
  AND d.movie_id = t.id AND d.info_type_id = ic.id
  AND v.movie_id = t.id AND v.info_type_id = iv.id AND t.kind_id = kt.id AND c.info = 'Comedy'
    AND d.info = 'Romance'
  AND il.info = 'languages' AND ic.info = 'genres' AND iv.info = 'votes' AND kt.kind = 'movie'
GROUP BY language ORDER BY films DESC, language LIMIT 10
""",
    ),
    Question(
        name="stunts-and-their-stars",
        text="In how many films do stunt people stand beside stars with a biography?",
        sql="""\
SELECT count(DISTINCT t.id) AS films, count(*) AS pairs
FROM title t, cast_info st, cast_info ci, name n, person_info pi, info_type it, movie_info_idx v,
  info_type iv
WHERE st.movie_id = t.id AND ci.movie_id = t.id AND ci.person_id = n.id AND pi.person_id = n.id
  AND pi.info_type_id = it.id
  AND v.movie_id = t.id AND v.info_type_id = iv.id
  AND st.note = '(stunts)' AND it.info = 'mini biography' AND iv.info = 'top 250 rank'
""",
    ),
    Question(
        name="whole-picture",
        text="What do we know, all in all, of American hits: cast, company, keywords, genres, votes?",
        sql="""\
SELECT count(*) AS rows, min(t.title) AS first_title
FROM title t, kind_type kt, movie_info mi, info_type it, movie_info_idx v, info_type iv, movie_keyword mk,
  keyword k,
     movie_companies mc, company_name cn, company_type ct, cast_info ci, role_type rt
WHERE t.kind_id = kt.id AND mi.movie_id = t.id AND mi.info_type_id = it.id AND v.movie_id = t.id
  AND v.info_type_id = iv.id
  AND mk.movie_id = t.id AND mk.keyword_id = k.id AND mc.movie_id = t.id AND mc.company_id = cn.id
    AND mc.company_type_id = ct.id
  AND ci.movie_id = t.id AND ci.role_id = rt.id
  AND kt.kind = 'movie' AND it.info = 'genres' AND mi.info = 'Drama' AND iv.info = 'top 250 rank'
    AND k.keyword = 'character-name-in-title'
  AND cn.country_code = '[us]' AND ct.kind = 'production companies' AND rt.role = 'director'
""",
    ),
    Question(
        name="birthdays-and-links",
        text="Which birth dates are known of people in films that follow one another, by alias?",
        sql="""\
SELECT count(*) AS rows, count(DISTINCT pi.info) AS dates
FROM movie_link ml, link_type lt, title t, cast_info ci, name n, person_info pi, info_type it, aka_name an
WHERE ml.link_type_id = lt.id AND ml.movie_id = t.id AND ci.movie_id = t.id AND ci.person_id = n.id
  AND pi.person_id = n.id AND pi.info_type_id = it.id
  AND an.person_id = n.id
  AND lt.link LIKE 'follow%' AND it.info = 'birth date' AND an.name LIKE '%a%'
""",
        demo=True,
    ),
    Question(
        name="colour-and-sound",
        text="How many colour films with a certificate and a soundtrack has each company type released?",
        sql="""\
SELECT ct.kind, count(DISTINCT t.id) AS films
FROM title t, movie_info c, info_type ic, movie_info s, info_type si, movie_info x, info_type ix,
  movie_companies mc, company_type ct
WHERE c.movie_id = t.id AND c.info_type_id = ic.id AND s.movie_id = t.id AND s.info_type_id = si.id
  AND x.movie_id = t.id AND x.info_type_id = ix.id
  AND mc.movie_id = t.id AND mc.company_type_id = ct.id
  AND ic.info = 'color info' AND c.info = 'Color' AND si.info = 'soundtrack' AND ix.info = 'certificates'
    AND t.production_year > 2005
GROUP BY ct.kind ORDER BY films DESC, ct.kind
""",
        demo=True,
    ),
    Question(
        name="married-and-featured",
        text="Where were the married people born who play in films that feature others, counted by their aliases?",
        sql="""\
SELECT count(*) AS rows, count(DISTINCT b.info) AS places
FROM movie_link ml, link_type lt, title t, cast_info ci, person_info b, info_type ib, person_info s,
  info_type si, aka_name an
WHERE ml.link_type_id = lt.id AND ml.movie_id = t.id AND ci.movie_id = t.id AND b.person_id = ci.person_id
  AND b.info_type_id = ib.id
  AND s.person_id = ci.person_id AND s.info_type_id = si.id AND an.person_id = ci.person_id
  AND lt.link LIKE 'feature%' AND ib.info = 'birth notes' AND si.info = 'spouse'
""",
        demo=True,
    ),
    Question(
        name="trivia-of-series",
        text="How many people with trivia and an alias appear in TV series about love, death or parties?",
        sql="""\
SELECT count(*) AS credits, count(DISTINCT n.id) AS people
FROM title t, kind_type kt, cast_info ci, name n, person_info pi, info_type it, aka_name an,
  movie_keyword mk, keyword k
WHERE t.kind_id = kt.id AND ci.movie_id = t.id AND ci.person_id = n.id AND pi.person_id = n.id
  AND pi.info_type_id = it.id
  AND an.person_id = n.id AND mk.movie_id = t.id AND mk.keyword_id = k.id
  AND kt.kind = 'tv series' AND it.info = 'trivia' AND k.keyword IN ('love', 'death', 'party')
""",
        demo=True,
    ),
    Question(
        name="men-of-complete-films",
        text="Which men with a private life on record play in linked films whose cast is verified?",
        sql="""\
SELECT count(*) AS rows, count(DISTINCT n.id) AS people
FROM movie_link ml, title t, kind_type kt, cast_info ci, name n, person_info pi, info_type it, aka_name an,
  complete_cast cc, comp_cast_type status
WHERE ml.movie_id = t.id AND t.kind_id = kt.id AND ci.movie_id = t.id AND ci.person_id = n.id
  AND pi.person_id = n.id AND pi.info_type_id = it.id
  AND an.person_id = n.id AND cc.movie_id = t.id AND cc.status_id = status.id
  AND kt.kind = 'movie' AND status.kind = 'complete+verified'
    AND it.info IN ('trivia', 'other works', 'spouse') AND n.gender = 'm'
""",
    ),
)
