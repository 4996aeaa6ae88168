"""Admin of the catalogue. A change shows in every list from the next request on."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest

from movies import services
from movies.admin.bulk import MovieBulkAdmin
from movies.admin.poster import PosterAdmin
from movies.admin.search import movies_found, people_found
from movies.availability.admin import AvailabilityInline, set_availability
from movies.caching.announcing import AnnouncingAdmin
from movies.changes.admin import MovieHistoryAdmin
from movies.changes.frozen import movies_frozen
from movies.deletion.admin import DeletionAdmin
from movies.merging.admin import MergingAdmin
from movies.models import Credit, DatasetMovie, Genre, Movie, MovieCertificate, Person
from movies.paginator import EstimatedCountPaginator
from movies.sheets.admin import MovieSheetAdmin
from movies.text import normalise_query
from recsys_project.staff_admin import StaffTabularInline


class CreditInline(StaffTabularInline):
    model = Credit
    autocomplete_fields = ["person"]
    extra = 0


class CertificateInline(StaffTabularInline):
    model = MovieCertificate
    extra = 0


class DatasetMovieInline(StaffTabularInline):
    """Shows the movie's ids in imported data sets; only imports change them."""

    model = DatasetMovie
    extra = 0
    verbose_name_plural = "ids in imported data sets"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Movie)
class MovieAdmin(
    MovieSheetAdmin, MovieHistoryAdmin, MovieBulkAdmin, PosterAdmin, MergingAdmin, DeletionAdmin, AnnouncingAdmin
):
    list_display = ["title", "year", "status", "genre_names", "runtime_minutes", "language", "movielens_id"]
    list_filter = ["status", "genres", "language"]
    list_per_page = 50
    search_fields = ["search_title__contains"]
    search_help_text = (
        "Titles, also misspelt, people and words of the texts; add a year, such as: matrix 1999. Ids: tt0111161,"
        " tmdb:278, movielens:318 or id:12."
    )
    show_full_result_count = False
    paginator = EstimatedCountPaginator
    autocomplete_fields = ["genres"]
    readonly_fields = ["poster", "created_at", "content_changed_at"]
    change_form_before_template = "admin/movie_previews.html"
    inlines = [CreditInline, CertificateInline, AvailabilityInline, DatasetMovieInline]
    actions = [
        *("publish_selected", "hide_selected", "tag_selected", "undo_selected", "merge_selected", "delete_movies"),
        set_availability,
    ]
    fieldsets = [
        (None, {"fields": ["title", "year", "status", "genres", "overview", "keywords"]}),
        ("Details", {"fields": ["runtime_minutes", "language", "poster_url", "poster"]}),
        ("External ids", {"fields": ["movielens_id", "imdb_id", "tmdb_id"]}),
        ("History", {"fields": ["created_at", "content_changed_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Movie]:
        return super().get_queryset(request).defer("search_document").prefetch_related("genres")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Movie], search_term: str
    ) -> tuple[QuerySet[Movie], bool]:
        """Searches as the API does, over movies of every status; the best match comes first unless staff sort."""
        found = movies_found(queryset, search_term)
        return (found.order_by(*queryset.query.order_by) if request.GET.get(ORDER_VAR) else found), False

    @admin.display(description="genres")
    def genre_names(self, movie: Movie) -> str:
        return ", ".join(genre.name for genre in movie.genres.all())

    def save_related(
        self, request: HttpRequest, form: ModelForm, formsets: list[BaseModelFormSet], change: bool
    ) -> None:
        """Marks the content as changed, after genres and credits are saved."""
        super().save_related(request, form, formsets, change)
        if not change or form.has_changed() or any(formset.has_changed() for formset in formsets):
            services.movies_content_changed(movies=Movie.objects.filter(pk=form.instance.pk))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A merged movie is only shown: undoing the merge brings it back. So is one that is being deleted."""
        if isinstance(obj, Movie) and obj.pk and obj.status != Movie.Status.PUBLISHED and _is_frozen(obj):
            return False
        return bool(super().has_change_permission(request, obj))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "keywords" and field is not None:
            field.help_text = "Separated by commas."
        return field

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A movie becomes a merged one only by merging it."""
        if db_field.name == "status":
            kwargs["choices"] = [pair for pair in Movie.Status.choices if pair[0] != Movie.Status.MERGED]
        return super().formfield_for_choice_field(db_field, request, **kwargs)


def _is_frozen(movie: Any) -> bool:
    """Whether it cannot be changed; a published movie can be. Read once for each instance."""
    if not hasattr(movie, "is_frozen"):
        movie.is_frozen = bool(movies_frozen([movie.pk]))
    return bool(movie.is_frozen)


@admin.register(Genre)
class GenreAdmin(AnnouncingAdmin):
    list_display = ["name", "slug"]
    search_fields = ["name"]
    prepopulated_fields = {"slug": ["name"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Genre], search_term: str
    ) -> tuple[QuerySet[Genre], bool]:
        return super().get_search_results(request, queryset, normalise_query(search_term.replace("\x00", "")))

    def save_model(self, request: HttpRequest, obj: Genre, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.has_changed():
            services.movies_content_changed(movies=Movie.objects.filter(genres=obj))

    def delete_model(self, request: HttpRequest, obj: Genre) -> None:
        services.movies_content_changed(movies=Movie.objects.filter(genres=obj))
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Genre]) -> None:
        """In one transaction, so that vectors computed before the deletion do not count as current."""
        services.movies_content_changed(movies=Movie.objects.filter(genres__in=queryset))
        super().delete_queryset(request, queryset)


@admin.register(Person)
class PersonAdmin(AnnouncingAdmin):
    list_display = ["name", "imdb_id", "tmdb_id"]
    search_fields = ["search_name__contains"]
    search_help_text = "Part of a name, also misspelt, or an IMDb id; accents are ignored."
    show_full_result_count = False
    paginator = EstimatedCountPaginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Person], search_term: str
    ) -> tuple[QuerySet[Person], bool]:
        return people_found(queryset, search_term), False

    def save_model(self, request: HttpRequest, obj: Person, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.has_changed():
            services.movies_content_changed(movies=Movie.objects.filter(people=obj))

    def delete_model(self, request: HttpRequest, obj: Person) -> None:
        services.movies_content_changed(movies=Movie.objects.filter(people=obj))
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> None:
        """In one transaction, so that vectors computed before the deletion do not count as current."""
        services.movies_content_changed(movies=Movie.objects.filter(people__in=queryset))
        super().delete_queryset(request, queryset)
