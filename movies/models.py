"""The catalogue: movies, genres, people with their credits, and ids in other databases."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.utils import timezone

# Django finds an app's models in its module models.
from movies.availability.models import MovieAvailability as MovieAvailability  # noqa: PLC0414
from movies.changes.models import MovieChange as MovieChange  # noqa: PLC0414 -- Django finds models here.
from movies.countries import CountryField
from movies.fields import Initials, LineField, NameKey, NFCNormalised, ProseField, SearchKey, Unaccented


class WordsOf(models.Func):
    """Joins an array of texts into one text. PostgreSQL does not allow array_to_string in a generated column."""

    function = "movies_words_of"
    output_field = models.TextField()


class Genre(models.Model):
    """A genre, named as in the imported data sets."""

    name = LineField(max_length=40, unique=True)
    slug = models.SlugField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                NameKey("name"), name="genre_name_key", violation_error_message="There is a genre of that name already."
            ),
            models.CheckConstraint(condition=NFCNormalised("name"), name="genre_name_nfc"),
        ]

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    """A director or an actor."""

    name = LineField(max_length=200)
    imdb_id = models.CharField(max_length=12, blank=True, help_text="Such as nm0000158.")
    tmdb_id = models.PositiveIntegerField(null=True, blank=True)
    # Maintained by PostgreSQL: the name in upper case without accents.
    search_name = models.GeneratedField(expression=SearchKey("name"), output_field=models.TextField(), db_persist=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "people"
        constraints = [
            # Consumer: import_metadata, which identifies people by name alone; ids distinguish namesakes.
            models.UniqueConstraint(
                NameKey("name"),
                condition=models.Q(tmdb_id=None, imdb_id=""),
                name="person_name_without_ids",
                violation_error_message="There is a person of that name already; an id tells namesakes apart.",
            ),
            models.UniqueConstraint(fields=["tmdb_id"], name="person_tmdb_id"),
            models.CheckConstraint(condition=NFCNormalised("name"), name="person_name_nfc"),
        ]
        indexes = [
            # Consumer: import_metadata, which looks people up by name, including those with ids.
            models.Index(NameKey("name"), name="person_name_key"),
            # Consumer: the search, for names with typing errors, and the admin's.
            GinIndex(OpClass("search_name", name="gin_trgm_ops"), name="person_search_trigram"),
            # Consumer: the search, for parts of names.
            GinIndex(SearchVector("search_name", config="simple"), name="person_search_words"),
        ]

    def __str__(self) -> str:
        return self.name


class Movie(models.Model):
    """A movie of the catalogue. Only published movies are listed or recommended."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        HIDDEN = "hidden"
        # Its row stays, so that its ids still lead to the movie it was merged into.
        MERGED = "merged"

    title = LineField(max_length=300)
    year = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Year of release.")
    status = models.CharField(max_length=10, choices=Status, default=Status.PUBLISHED)
    overview = ProseField(blank=True)
    runtime_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    language = models.CharField(max_length=8, blank=True, help_text="ISO 639-1 code, such as en.")
    poster_url = models.URLField(max_length=500, blank=True)
    keywords = ArrayField(LineField(max_length=80), default=list, blank=True)
    genres = models.ManyToManyField(Genre, related_name="movies", blank=True)
    people = models.ManyToManyField(Person, through="Credit", related_name="movies")
    movielens_id = models.PositiveIntegerField(null=True, blank=True, unique=True)
    imdb_id = models.CharField(max_length=12, blank=True, help_text="Such as tt0114709.")
    tmdb_id = models.PositiveIntegerField(null=True, blank=True)
    # Always a movie that is not merged itself: of a chain the last one.
    merged_into = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, editable=False, db_index=False, related_name="merged"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    content_changed_at = models.DateTimeField(
        default=timezone.now,
        editable=False,
        help_text="When the content of the vectors (title, overview, genres, people and others) last changed.",
    )
    # Maintained by PostgreSQL, as is search_title. As long as the overview: defer it when fetching many movies.
    search_document = models.GeneratedField(
        expression=SearchVector(Unaccented("title"), weight="A", config="english")
        + SearchVector(Unaccented(WordsOf("keywords")), weight="B", config="english")
        + SearchVector(Unaccented("overview"), weight="C", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    search_title = models.GeneratedField(
        expression=SearchKey("title"), output_field=models.TextField(), db_persist=True
    )

    search_initials = models.GeneratedField(
        expression=Initials(SearchKey("title")), output_field=ArrayField(models.TextField()), db_persist=True
    )

    class Meta:
        ordering = ["title", "year"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(year__isnull=True) | models.Q(year__range=(1870, 2200)),
                name="movie_year_plausible",
            ),
            models.CheckConstraint(condition=~models.Q(title=""), name="movie_title_present"),
            models.CheckConstraint(
                condition=models.Q(status="merged", merged_into__isnull=False)
                | (~models.Q(status="merged") & models.Q(merged_into__isnull=True)),
                name="movie_merged_iff_into_another",
            ),
            models.CheckConstraint(
                condition=models.Q(NFCNormalised("title"))
                & models.Q(NFCNormalised("overview"))
                & models.Q(NFCNormalised(WordsOf("keywords"))),
                name="movie_texts_nfc",
            ),
        ]
        indexes = [
            # Consumer: the search, and the title filters of the catalogue and the admin.
            GinIndex(OpClass("search_title", name="gin_trgm_ops"), name="movie_search_trigram"),
            # Consumer: the search, for titles typed by their initials.
            GinIndex(fields=["search_initials"], name="movie_search_initials"),
            # Consumer: the search, for words of title, keywords and overview.
            GinIndex(fields=["search_document"], name="movie_search_document"),
            # Consumer: the list of the newest movies, which reads in this order.
            models.Index(fields=["-created_at", "-id"], name="movie_newest"),
            # Consumer: the catalogue's default order and the metadata import's lookup by title and year.
            models.Index(fields=["title", "year"], name="movie_title_year"),
            # Consumer: the catalogue's year filter.
            models.Index(fields=["year"], name="movie_year"),
            # Consumer: the speed layer's search, which excludes unpublished movies; few rows in any catalogue.
            models.Index(fields=["id"], condition=~models.Q(status="published"), name="movie_not_published"),
            # Consumer: attribution and merges, which read the duplicates of a movie; few rows in any catalogue.
            models.Index(
                fields=["merged_into"], condition=models.Q(merged_into__isnull=False), name="movie_merged_into"
            ),
            # Consumer: the embedding refresh, which reads what changed since its last run.
            models.Index(fields=["content_changed_at"], name="movie_content_changed"),
            # Consumer: the search of staff for a pasted id, and imported sheets.
            models.Index(fields=["imdb_id"], name="movie_imdb_id"),
            # Consumer: import_metadata's lookup by TMDB id; data sets repeat a few ids, so it is not unique.
            models.Index(fields=["tmdb_id"], name="movie_tmdb_id"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.year})" if self.year else self.title


class Credit(models.Model):
    """A person's role in a movie; ``position`` is the billing order."""

    class Role(models.TextChoices):
        DIRECTOR = "director"
        CAST = "cast"

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="credits")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="credits")
    role = models.CharField(max_length=10, choices=Role)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["role", "position"]
        constraints = [models.UniqueConstraint(fields=["movie", "role", "person"], name="credit_once")]

    def __str__(self) -> str:
        return f"{self.person} ({self.role})"


class MovieCertificate(models.Model):
    """The age rating that a country's board gave a movie, in its own form: PG-13 in the US, 16 in Germany."""

    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="certificates")
    country = CountryField(help_text="Two letters, such as SE.")
    certificate = LineField(max_length=20, help_text="As the country's board writes it, such as PG-13.")

    class Meta:
        ordering = ["country"]
        constraints = [
            # Consumer: the movie's page and its history, which show one certificate a country.
            models.UniqueConstraint(
                fields=["movie", "country"],
                name="movie_certificate_once",
                violation_error_message="There is a certificate of that country already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.certificate}"


class DatasetMovie(models.Model):
    """A movie's id in an imported data set. ML-100k, for one, has movie ids of its own."""

    dataset = models.CharField(max_length=32)
    dataset_movie_id = models.BigIntegerField()
    movie = models.ForeignKey(Movie, on_delete=models.CASCADE, related_name="dataset_ids")

    class Meta:
        constraints = [
            # Consumer: the import of ratings, which resolves a data set's movie ids.
            models.UniqueConstraint(fields=["dataset", "dataset_movie_id"], name="dataset_movie_identity"),
            # Consumer: the export, which writes the data set's ids.
            models.UniqueConstraint(fields=["dataset", "movie"], name="dataset_movie_once"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} #{self.dataset_movie_id}"


class CacheInvalidation(models.Model):
    """A committed change that invalidates cached data; see movies.caching.version_tokens.

    The XOR of all catalogue tokens identifies the catalogue's state. XOR does not depend on the order, so a change that
    commits late still counts, and old rows can be merged into one without changing the result.
    """

    name = models.CharField(max_length=40, help_text="The token to replace: all, or user: and an id.")
    token = models.BigIntegerField(help_text="Random.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name} at {self.created_at:%Y-%m-%d %H:%M:%S}"


# Django finds an app's models in its module ``models``.
from movies.deletion.models import MovieDeletion as MovieDeletion  # noqa: E402, PLC0414
from movies.merging.models import MergedRows as MergedRows  # noqa: E402, PLC0414
from movies.merging.models import MovieMerge as MovieMerge  # noqa: E402, PLC0414
