"""Maps words for moods and topics to genres, keywords and decades. Without Django.

People describe movies by how they feel ("funny", "scary"); catalogues, by genres. The list is written by hand:
the most frequent tags, with the genres of the imported data sets that correspond to them.
"""

from collections.abc import Sequence
from typing import NamedTuple

# Names of the same genre in different data sets; each is also a word of queries.
GENRES = {
    "comedy": ("Comedy",),
    "horror": ("Horror", "Slasher"),
    "romance": ("Romance",),
    "drama": ("Drama",),
    "thriller": ("Thriller", "Suspense"),
    "action": ("Action",),
    "adventure": ("Adventure",),
    "animation": ("Animation", "Animated"),
    "family": ("Children", "Family", "Children's"),
    "sci-fi": ("Sci-Fi", "Science Fiction"),
    "fantasy": ("Fantasy",),
    "crime": ("Crime",),
    "war": ("War",),
    "western": ("Western",),
    "musical": ("Musical",),
    "mystery": ("Mystery",),
    "documentary": ("Documentary",),
    "noir": ("Film-Noir", "Noir"),
}


class Sense(NamedTuple):
    """The meaning of a word: keys of GENRES, keywords as in tags, and years, one for each decade."""

    genres: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    years: tuple[int, ...] = ()


def _sense(genres: str = "", keywords: str = "", *years: int) -> Sense:
    return Sense(tuple(genres.split()), tuple(filter(None, keywords.split(", "))), years)


_SENSES = {
    "funny hilarious laugh laughs humorous humor witty silly comic": _sense("comedy", "funny, hilarious, comedy"),
    "comedy comedies": _sense("comedy", "comedy"),
    "scary frightening terrifying creepy spooky horrifying": _sense("horror", "scary, creepy, horror"),
    "horror": _sense("horror", "horror"),
    "sad melancholy melancholic depressing tragic heartbreaking tearjerker cry": _sense(
        "drama", "sad, melancholy, emotional, bittersweet, depressing, tragedy, death, touching, poignant"
    ),
    "moving touching emotional poignant": _sense("drama", "emotional, touching, poignant, heartwarming"),
    "slow slow-paced contemplative meditative quiet": _sense("drama", "slow, atmospheric, meditative, contemplative"),
    "romantic romance love": _sense("romance", "romance, love, romantic"),
    "exciting thrilling fast-paced adrenaline": _sense("action adventure", "action, adventure, exciting"),
    "action": _sense("action", "action"),
    "adventure adventurous": _sense("adventure", "adventure"),
    "tense suspenseful gripping nail-biting": _sense("thriller", "suspense, tense"),
    "thriller suspense": _sense("thriller", "suspense, thriller"),
    "dark gritty bleak grim": _sense("crime thriller", "dark, gritty, disturbing, violence, crime"),
    "violent brutal": _sense("action crime", "violence, violent, gore"),
    "mind-bending mindbending mindfuck trippy surreal confusing": _sense(
        "sci-fi mystery thriller",
        "mindfuck, surreal, twist ending, psychology, hallucinatory, dreamlike, philosophical",
    ),
    "thoughtful thought-provoking intelligent clever philosophical": _sense(
        "drama", "thought-provoking, philosophical, intelligent, cerebral, philosophy"
    ),
    "feel-good uplifting heartwarming cheerful happy cosy cozy": _sense(
        "comedy family", "heartwarming, feel-good, inspirational, uplifting"
    ),
    "inspiring inspirational": _sense("drama", "inspirational, inspiring"),
    "family kids children": _sense("family animation", "family, disney"),
    "animation animated cartoon cartoons": _sense("animation", "animation, disney, pixar"),
    "anime": _sense("animation", "anime, japan"),
    "western westerns cowboy cowboys": _sense("western", "western"),
    "war military": _sense("war", "war, military"),
    "musical musicals": _sense("musical", "musical, music"),
    "mystery whodunit": _sense("mystery", "mystery, detective"),
    "crime gangster gangsters mafia": _sense("crime", "crime, gangster, mafia"),
    "fantasy magical": _sense("fantasy", "fantasy, magic"),
    "documentary documentaries": _sense("documentary", "documentary"),
    "noir": _sense("noir", "noir, film noir"),
    "sci-fi scifi futuristic science-fiction": _sense("sci-fi", "sci-fi, futuristic, future, dystopia"),
    "space": _sense("sci-fi", "space, aliens, space opera, outer space"),
    "black-and-white": _sense("noir", "black and white, classic", 1930, 1940, 1950),
    "old classic": _sense("", "classic", 1940, 1950),
    "quirky whimsical offbeat weird": _sense("comedy", "quirky, whimsical, surreal"),
    "food cooking": _sense("", "food, cooking, chef, restaurant"),
    "lighthearted light-hearted charming": _sense("comedy romance", "lighthearted, charming, feel-good, sweet"),
    "romcom rom-com romantic-comedy": _sense("comedy romance", "romantic comedy, romance"),
    "dark-comedy black-comedy dark-humor": _sense("comedy crime", "dark comedy, black comedy, dark humor"),
    "satire satirical": _sense("comedy", "satire, satirical, social commentary"),
    "parody spoof": _sense("comedy", "parody, spoof"),
    "gory bloody": _sense("horror", "gore, gory, bloody, splatter"),
    "sexy erotic steamy": _sense("romance drama", "erotic, sexy, sexuality"),
    "dystopian dystopia post-apocalyptic": _sense("sci-fi", "dystopia, dystopian, post-apocalyptic"),
    "time-travel": _sense("sci-fi", "time travel"),
    "superhero superheroes comic-book": _sense("action", "superhero, comic book, marvel"),
    "spy spies espionage": _sense("thriller action", "spy, espionage, james bond"),
    "heist": _sense("crime", "heist, robbery"),
    "martial-arts kung-fu": _sense("action", "martial arts, kung fu"),
    "zombie zombies": _sense("horror", "zombies, zombie"),
    "vampire vampires": _sense("horror", "vampire, vampires"),
    "historical period-piece": _sense("drama", "historical, history, period piece"),
    "biopic biographical": _sense("drama", "biography, biopic, true story, based on a true story"),
    "sports": _sense("drama", "sports"),
    "coming-of-age teen": _sense("drama comedy", "coming of age, high school, teen"),
    "christmas": _sense("family comedy", "christmas"),
    "1970s 70s seventies": _sense("", "1970s", 1970),
    "1980s 80s eighties": _sense("", "1980s", 1980),
    "1990s 90s nineties": _sense("", "1990s", 1990),
}
_BY_WORD = {word: sense for words, sense in _SENSES.items() for word in words.split()}
_LONGEST = 3


def senses_in(words: Sequence[str]) -> tuple[list[Sense], list[str]]:
    """The senses of the words and phrases ("feel good") that the lexicon has, and the other words."""
    senses: list[Sense] = []
    rest: list[str] = []
    place = 0
    while place < len(words):
        for length in range(min(_LONGEST, len(words) - place), 0, -1):
            sense = _BY_WORD.get("-".join(words[place : place + length]).lower())
            if sense is not None:
                senses.append(sense)
                place += length
                break
        else:
            rest.append(words[place])
            place += 1
    return senses, rest


def genre_names(sense: Sense) -> tuple[str, ...]:
    """The names that catalogues give the genres of a sense."""
    return tuple(name for genre in sense.genres for name in GENRES[genre])
