"""The words of the generated database: dimension tables, vocabularies and their marginal frequencies.

Dimension values (kinds, roles, info types, countries) and well-known titles and companies are facts;
frequencies are rounded guesses at IMDb's, and everything else is invented.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple


def _words(text: str) -> tuple[str, ...]:
    """A list of words, written as one writes words."""
    return tuple(text.split())


KINDS = ("movie", "tv series", "tv movie", "video movie", "tv mini series", "video game", "episode")
KIND_SHARE = (0.262, 0.036, 0.040, 0.047, 0.0, 0.005, 0.610)
MOVIE, TV_SERIES, EPISODE = 0, 1, 6

COMPANY_TYPES = (
    "distributors",
    "production companies",
    "special effects companies",
    "miscellaneous companies",
)
CAST_TYPES = ("cast", "crew", "complete", "complete+verified")
ROLES = (
    "actor",
    "actress",
    "producer",
    "writer",
    "cinematographer",
    "composer",
    "costume designer",
    "director",
    "editor",
    "miscellaneous crew",
    "production designer",
    "guest",
)
ROLE_SHARE = (0.35, 0.206, 0.077, 0.075, 0.037, 0.031, 0.0105, 0.048, 0.044, 0.1, 0.0085, 0.013)
LINKS = (
    "follows",
    "followed by",
    "remake of",
    "remade as",
    "references",
    "referenced in",
    "spoofs",
    "spoofed in",
    "features",
    "featured in",
    "spin off from",
    "spin off",
    "version of",
    "similar to",
    "edited into",
    "edited from",
    "alternate language version of",
    "unknown link",
)
FREE_LINK_SHARE = (
    0.0,
    0.0,
    0.03,
    0.03,
    0.26,
    0.26,
    0.04,
    0.04,
    0.12,
    0.12,
    0.01,
    0.01,
    0.05,
    0.02,
    0.01,
    0.0,
    0.0,
    0.0,
)
"""Of links outside a franchise; inside one, titles follow each other."""

_INFO_HEAD = (
    "runtimes|color info|genres|languages|certificates|sound mix|tech info|countries|taglines|keywords|"
    "alternate versions|crazy credits|goofs|soundtrack|quotes|release dates|trivia|locations|"
    "mini biography|birth notes|birth date|height|death date|spouse|other works|birth name|"
    "salary history|nick names|books|agent address|biographical movies|portrayed in|where now|"
    "trade mark|interviews|article|magazine cover photo|pictorial|death notes"
)
_INFO_TAIL = (
    "essays|mpaa|plot|votes distribution|votes|rating|production dates|copyright holder|filming dates|"
    "budget|weekend gross|gross|opening weekend|rentals|admissions|studios|top 250 rank|bottom 10 rank"
)
_LD_COUNT = 113 - len(_INFO_HEAD.split("|")) - len(_INFO_TAIL.split("|"))
INFO_TYPES = (
    *_INFO_HEAD.split("|"),
    *(f"LD field {number}" for number in range(1, _LD_COUNT + 1)),
    *_INFO_TAIL.split("|"),
)
INFO_ID = {name: number for number, name in enumerate(INFO_TYPES, start=1)}


class Country(NamedTuple):
    """A producing country; ``share`` is its share of titles, ``region`` picks personal names."""

    name: str
    code: str
    language: str
    share: float
    region: str = "west"


COUNTRIES = (
    Country("USA", "[us]", "English", 0.4),
    Country("UK", "[gb]", "English", 0.08),
    Country("France", "[fr]", "French", 0.06),
    Country("Japan", "[jp]", "Japanese", 0.06, "east"),
    Country("Germany", "[de]", "German", 0.055),
    Country("India", "[in]", "Hindi", 0.045, "east"),
    Country("Canada", "[ca]", "English", 0.045),
    Country("Italy", "[it]", "Italian", 0.042),
    Country("Spain", "[es]", "Spanish", 0.035),
    Country("Australia", "[au]", "English", 0.02),
    Country("Brazil", "[br]", "Portuguese", 0.02),
    Country("Mexico", "[mx]", "Spanish", 0.02),
    Country("Netherlands", "[nl]", "Dutch", 0.018),
    Country("Sweden", "[se]", "Swedish", 0.016),
    Country("Russia", "[ru]", "Russian", 0.016, "slav"),
    Country("Philippines", "[ph]", "Tagalog", 0.014),
    Country("Argentina", "[ar]", "Spanish", 0.013),
    Country("Hong Kong", "[hk]", "Cantonese", 0.012, "east"),
    Country("Denmark", "[dk]", "Danish", 0.011),
    Country("Poland", "[pl]", "Polish", 0.011, "slav"),
    Country("South Korea", "[kr]", "Korean", 0.01, "east"),
    Country("Finland", "[fi]", "Finnish", 0.01),
    Country("Turkey", "[tr]", "Turkish", 0.009),
    Country("Belgium", "[be]", "French", 0.009),
    Country("Greece", "[gr]", "Greek", 0.009),
    Country("China", "[cn]", "Mandarin", 0.009, "east"),
    Country("Austria", "[at]", "German", 0.008),
    Country("Norway", "[no]", "Norwegian", 0.008),
    Country("Portugal", "[pt]", "Portuguese", 0.007),
    Country("Hungary", "[hu]", "Hungarian", 0.007, "slav"),
    Country("Czech Republic", "[cz]", "Czech", 0.007, "slav"),
    Country("Switzerland", "[ch]", "German", 0.006),
    Country("Egypt", "[eg]", "Arabic", 0.005),
    Country("Bulgaria", "[bg]", "Bulgarian", 0.003, "slav"),
    Country("San Marino", "[sm]", "Italian", 0.0005),
)
US, JAPAN = 0, 3
COUNTRY_ID = {country.code: number for number, country in enumerate(COUNTRIES)}
COUNTRY_POPULARITY = {"[us]": 0.5, "[gb]": 0.2, "[jp]": 0.1, "[fr]": 0.05, "[ca]": 0.1}
"""Added to the popularity latent of a country's titles."""

GENRES = (
    "Drama", "Comedy", "Short", "Documentary", "Action", "Romance", "Thriller", "Family",
    "Animation", "Crime", "Adventure", "Horror", "Music", "Sci-Fi", "Fantasy", "Mystery",
    "Musical", "Western", "Biography", "History", "War", "Sport", "Talk-Show", "Reality-TV",
    "Game-Show", "News", "Adult",
)  # fmt: skip
GENRE_ID = {name: number for number, name in enumerate(GENRES)}
FILM_GENRE_SHARE = (
    0.22, 0.15, 0.19, 0.12, 0.045, 0.03, 0.03, 0.02, 0.03, 0.025, 0.015, 0.028, 0.02, 0.01, 0.01,
    0.008, 0.012, 0.012, 0.006, 0.005, 0.006, 0.006, 0.0, 0.0, 0.0, 0.002, 0.03,
)  # fmt: skip
TV_GENRE_SHARE = (
    0.22, 0.2, 0.002, 0.09, 0.03, 0.06, 0.01, 0.05, 0.055, 0.06, 0.03, 0.004, 0.03, 0.012, 0.01,
    0.02, 0.002, 0.008, 0.004, 0.004, 0.004, 0.015, 0.06, 0.06, 0.03, 0.03, 0.0,
)  # fmt: skip
COUNTRY_GENRES = {
    "[us]": "Horror Sci-Fi Action Thriller Western",
    "[jp]": "Animation Animation Action Fantasy Adventure",
    "[in]": "Musical Musical Romance Drama Action",
    "[hk]": "Action Action Crime",
    "[gb]": "Mystery Crime Documentary",
    "[it]": "Western Horror Comedy",
    "[fr]": "Romance Drama Short",
    "[se]": "Crime Drama Thriller",
    "[dk]": "Crime Drama",
    "[de]": "Crime Documentary War",
    "[ru]": "War History Drama",
}
"""Each mention doubles the genre's share in that country."""
GENRE_AFFINITY = {
    "Action": "Thriller Crime Adventure Sci-Fi",
    "Adventure": "Action Family Fantasy",
    "Animation": "Family Adventure Comedy Fantasy",
    "Comedy": "Romance Family Short Drama",
    "Crime": "Thriller Drama Mystery Action",
    "Documentary": "Biography History Music Short",
    "Drama": "Romance Thriller Crime Comedy",
    "Family": "Comedy Adventure Fantasy",
    "Fantasy": "Adventure Horror Sci-Fi",
    "Horror": "Thriller Mystery Sci-Fi",
    "Music": "Documentary Musical Short",
    "Mystery": "Thriller Crime Drama",
    "Romance": "Drama Comedy",
    "Sci-Fi": "Action Adventure Horror",
    "Short": "Drama Comedy Animation Documentary",
    "Thriller": "Crime Drama Horror Mystery",
    "War": "Drama History Action",
    "Western": "Action Adventure Drama",
}
"""Genres that keep a title's first genre company."""
GENRE_RATING = {
    "Documentary": 0.8, "Drama": 0.3, "Short": 0.4, "Biography": 0.5, "History": 0.5, "War": 0.4,
    "Animation": 0.3, "Music": 0.4, "Horror": -1.0, "Sci-Fi": -0.5, "Action": -0.4,
    "Thriller": -0.3, "Adult": -0.5, "Reality-TV": -1.0, "Talk-Show": -0.3,
}  # fmt: skip
"""Added to the mean rating of a genre's titles."""

GENERAL_KEYWORDS = _words(
    "independent-film character-name-in-title based-on-novel female-nudity tv-special death friendship revenge"
    " love based-on-play hospital family-relationships new-york-city husband-wife-relationship father-son-"
    " relationship dog non-fiction title-spoken-by-character party number-in-title kissing one-word-title"
    " place-name-in-title murder-in-title surrealism 10,000-mile-club"
)
GENRE_KEYWORDS = {
    "Action": "martial-arts fight hand-to-hand-combat violence hero murder superhero explosion shootout",
    "Adventure": "hero treasure-hunt jungle fight island explosion claw",
    "Animation": "computer-animation computer-animated-movie anime cartoon-dog hero magnet",
    "Comedy": "nerd slapstick wedding loser stand-up-comedy loner party",
    "Crime": "murder violence detective police blood robbery death gangster",
    "Drama": "loner alienation dignity death suicide family-conflict nerd hospital",
    "Fantasy": "magic superhero web claw witch fight hero",
    "Horror": "blood gore murder violence death vampire zombie claw serial-killer hospital",
    "Mystery": "murder detective blood investigation secret",
    "Sci-Fi": "superhero laser marvel-comics based-on-comic robot alien web magnet claw fight",
    "Thriller": "murder violence blood death kidnapping serial-killer chase hospital",
    "War": "violence death soldier battle dignity blood",
    "Western": "gunfight revenge cowboy violence murder",
    "Adult": "female-nudity hardcore gonzo",
}
"""The head of each genre's keyword list, most frequent first; invented words make the tail."""
SEQUEL_KEYWORDS = _words("sequel second-part third-part numbered-sequel sequel-mentioned-during-end-credits")
MARVEL_KEYWORDS = _words("marvel-cinematic-universe superhero marvel-comics based-on-comic fight")


class Franchise(NamedTuple):
    """A well-known series of titles, planted so that a question about it finds an answer."""

    title: str
    parts: int
    kind: int
    country: str
    genres: str
    company: str
    first_year: int
    star: str = ""
    character: str = ""
    note: str = ""
    marvel: bool = False


FRANCHISES = (
    Franchise("Iron Man", 3, MOVIE, "[us]", "Action Adventure Sci-Fi", "Marvel Studios", 2008,
              "Downey Jr., Robert", "Tony Stark / Iron Man", marvel=True),
    Franchise("Avengers Assemble", 3, MOVIE, "[us]", "Action Sci-Fi Fantasy", "Marvel Studios", 2012,
              "Downey Jr., Robert", "Tony Stark / Iron Man", marvel=True),
    Franchise("Shrek", 4, MOVIE, "[us]", "Animation Comedy Family", "DreamWorks Animation", 2001,
              "Andrews, Angela", "Queen", "(voice)"),
    Franchise("Kung Fu Panda", 3, MOVIE, "[us]", "Animation Action Comedy", "DreamWorks Animation", 2008,
              "Jolie, Angelina", "Tigress", "(voice)"),
    Franchise("Saw", 7, MOVIE, "[us]", "Horror Thriller Crime", "Lionsgate", 2004,
              "Bell, Tobin", "Jigsaw"),
    Franchise("Freddy's Return", 6, MOVIE, "[us]", "Horror Thriller Fantasy", "New Line Cinema", 1985),
    Franchise("Jason at the Lake", 8, MOVIE, "[us]", "Horror Thriller Mystery", "Paramount Pictures", 1980),
    Franchise("Birdemic", 2, MOVIE, "[us]", "Horror Romance Thriller", "Moviehead Pictures", 2010),
    Franchise("One Piece", 9, EPISODE, "[jp]", "Animation Action Adventure", "Toei Animation", 1999,
              "Yoshida, Yoko", "Nami", "(voice: English version)"),
    Franchise("Dragon Ball Z", 12, MOVIE, "[jp]", "Animation Action Fantasy", "Toei Animation", 1996,
              "Yoshida, Yoko", "Bulma", "(voice: English version)"),
    Franchise("Vampire Academy", 3, MOVIE, "[us]", "Horror Comedy Fantasy", "Universal Pictures", 2007),
    Franchise("Champions of the World", 3, MOVIE, "[us]", "Sport Drama Family", "Warner Bros. Pictures", 1998),
)  # fmt: skip

COMPANIES = (
    ("Warner Bros. Pictures", "[us]"), ("Universal Pictures", "[us]"),
    ("Columbia Broadcasting System (CBS)", "[us]"), ("20th Century Fox", "[us]"),
    ("Paramount Pictures", "[us]"), ("National Broadcasting Company (NBC)", "[us]"),
    ("Metro-Goldwyn-Mayer (MGM)", "[us]"), ("Warner Home Video", "[us]"),
    ("Twentieth Century Fox Film Corporation", "[us]"), ("Columbia Pictures", "[us]"),
    ("Walt Disney Pictures", "[us]"), ("Lionsgate", "[us]"), ("Lionsgate Home Entertainment", "[us]"),
    ("New Line Cinema", "[us]"), ("Marvel Studios", "[us]"), ("DreamWorks Animation", "[us]"),
    ("20th Century Fox Home Entertainment", "[us]"), ("YouTube", "[us]"),
    ("Moviehead Pictures", "[us]"), ("British Broadcasting Corporation (BBC)", "[gb]"),
    ("Film4", "[gb]"), ("Toei Animation", "[jp]"), ("Toho Film", "[jp]"), ("Nippon TV", "[jp]"),
    ("ARD", "[de]"), ("Constantin Film", "[de]"), ("Gaumont", "[fr]"), ("France 2 Film", "[fr]"),
    ("Svensk Filmindustri", "[se]"), ("Nordisk Film", "[dk]"), ("Mosfilm", "[ru]"),
    ("RAI Film", "[it]"), ("Yash Raj Films", "[in]"), ("Golden Harvest Film", "[hk]"),
    ("San Marino RTV", "[sm]"), ("Nederlandse Film", "[nl]"),
)  # fmt: skip
COMPANY_SUFFIXES = (
    "Film", "Films", "Pictures", "Productions", "Entertainment", "Television", "Media", "Video",
    "Filmproduktion", "Studios", "Distribution", "Home Video", "TV", "Company", "Animation",
)  # fmt: skip

GIVEN_NAMES = {
    "m": {
        "west": "John Michael David Robert James Peter Paul Thomas Mark Richard Tim Timothy William Jack"
        " Frank George Carlos Jean Luis Jose Daniel Martin Albert Bert Robert Hubert Tom Eric Steve Brian"
        " Kevin Jason Freddy Andrew Antonio Xavier Zack Max Oscar Victor Ben Bob Billy Bruno Dennis",
        "east": "Hiroshi Takashi Kenji Akira Yoshio Yuki Jun Wei Ming Jackie Raj Amit Anil Sanjay Tony"
        " Ken Satoshi Yosuke Masao Shigeru Xin Zhang",
        "slav": "Ivan Sergei Vladimir Aleksandr Andrei Boris Dmitri Pavel Jan Piotr Zoltan Mikhail",
    },
    "f": {
        "west": "Mary Anna Angela Maria Angelina Jennifer Linda Susan Julie Laura Nancy Lisa Karen Angie"
        " Andrea Barbara Diana Helen Jane Kate Emma Sarah Rosa Carmen Isabel Zoe Bertha Brigitte Xenia Ann",
        "east": "Yoko Yuki Akiko Kyoko Yoshiko Megumi Ayumi Mei Li Priya Asha Rani Anjali Yukari Yumi Sachiko",
        "slav": "Olga Natalia Tatiana Irina Svetlana Anna Ekaterina Zofia Barbara Ludmila",
    },
}
_SURNAME_HEAD = _words(
    "Smith Johnson Brown Miller Davis Garcia Martin Lee Baker Bell Berger Bauer Allen Adams Anderson Cooper"
    " Clark Collins Dubois Diaz Evans Fischer Ferrari Fernandez Green Hansen Ito Jones Kim Kumar Larsson Lopez"
    " Moore Muller Nguyen Novak Olsen Petrov Quinn Rossi Schmidt Singh Suzuki Tanaka Taylor Turner Ueda Vargas"
    " Weber Wong Xiao Yamada Young Zimmer Zhang"
)
_SYLLABLES = _words(
    "ba be bri car da del do er fa fer gor gra ha hol in jo ka kel la len lo ma mer mo na ni nor o pa per ra"
    " ri ro sa sen ta ter u va vin wa wil xa ya zo"
)
_ENDINGS = _words("son man ski ini ez berg ton ley mann ova ier ham da ro ko el")
SURNAMES = (
    *_SURNAME_HEAD,
    *((a + b + c).capitalize() for a, b, c in product(_SYLLABLES, _SYLLABLES[::2], _ENDINGS)),
    *dict.fromkeys(f.star.split(", ")[0] for f in FRANCHISES if f.star and "Bell" not in f.star),
)
"""About 16,000 family names, the commonest first; the planted stars' stand at the end."""

STOCK_CHARACTERS = (
    "Himself", "Herself", "Narrator", "Themselves", "Host", "Doctor", "Nurse", "Waitress", "Dancer",
    "Bartender", "Soldier", "Various", "Reporter", "Mother", "Father", "Judge", "Student", "Singer",
    "Teacher", "Bar Guest", "Guard", "Policeman", "Man", "Woman", "Old Man", "Queen", "King",
    "Fireman", "Salesman", "Man in Bar", "Hitman", "Young Man", "Barman", "Postman",
)  # fmt: skip
CHARACTERS = (
    *STOCK_CHARACTERS, "Batman", "Superman", "Spider-Man", "Sherlock Holmes", "Tony Stark / Iron Man",
    "Tigress", "Jigsaw", "Nami", "Bulma",
)  # fmt: skip
"""Stock roles that any title may have, the commonest first; then those of their own titles."""

TITLE_NOUNS = _words(
    "Love Night Day Life House Man Woman Girl Heart World City Time Dream Story Game Road King River Summer"
    " Winter War Secret Father Mother Brother Island Fire Blood Moon Sun Star Garden Door Train Money Movie"
    " Champion Loser Murder Vampire Shadow Angel Devil Ghost Mirror Storm Stranger Wedding Journey Return"
    " Promise Silence Letter Window Bridge Mountain Sea Wolf Bird Dog Horse Rose Child Doctor Teacher Soldier"
    " Thief Killer Detective Queen Prince Family Party Machine Planet Empire Circus Kitchen Hotel School"
    " Hospital Bank Prison Church Forest Desert Harbor Station Theatre"
)
GENRE_NOUNS = {
    "Horror": "Vampire Blood Murder Ghost Devil Shadow Night House Killer",
    "Crime": "Murder Money Killer Detective Bank Thief Mord Prison",
    "Thriller": "Murder Secret Killer Stranger Shadow Money Mord",
    "Sport": "Champion Loser Game Team Season",
    "Comedy": "Movie Loser Wedding Party Money Family",
    "Western": "Horse Road Desert River Money",
    "Sci-Fi": "Planet Empire Machine Star World",
    "Romance": "Love Heart Wedding Summer Promise",
    "War": "War Soldier Bridge Empire",
}
TITLE_ADJECTIVES = _words(
    "Last First Big Little Black White Red Blue Long Lost Secret Dark Golden Silent Broken Wild Old New"
    " Strange Perfect Sweet Cold Hidden American Deep Empty Final Good Great Happy Lonely Young Royal"
)

MEDIA = ("theatrical", "TV", "DVD", "VHS", "Blu-ray", "all media", "video", "worldwide")
PRODUCTION_NOTES = (
    "(presents)", "(co-production)", "(in association with)", "(as Metro-Goldwyn-Mayer Pictures)",
    "(in co-production with)", "(production)", "(participation)",
)  # fmt: skip
PRODUCTION_NOTE_SHARE = (0.3, 0.25, 0.2, 0.01, 0.09, 0.1, 0.05)
CAST_NOTES = {
    "actor": "(uncredited):0.2 (voice):0.02 (archive footage):0.03 (as himself):0.02 (credit only):0.01"
    " (also producer):0.002 (producer):0.002",
    "actress": "(uncredited):0.17 (voice):0.025 (archive footage):0.03 (as herself):0.02",
    "producer": "(producer):0.34 (executive producer):0.24 (co-producer):0.12 (associate producer):0.11"
    " (line producer):0.06",
    "writer": "(writer):0.25 (written by):0.17 (story):0.1 (screenplay):0.12 (novel):0.05"
    " (head writer):0.02 (story editor):0.03 (creator):0.05",
    "miscellaneous crew": "(production assistant):0.2 (stunts):0.15 (script supervisor):0.1"
    " (assistant director):0.15 (production manager):0.1",
    "editor": "(co-editor):0.05",
    "director": "(co-director):0.06 (uncredited):0.02",
    "cinematographer": "(director of photography):0.15",
    "guest": "(guest):0.3",
}
VOICE_NOTES = "(voice):0.72 (voice: English version):0.12 (voice) (uncredited):0.08 (voice: Japanese version):0.08"
"""Notes of the cast of animated titles; the dubbed versions are those of Japanese ones."""

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
