"""Movies as the API shows them."""

from rest_framework import serializers

from movies.api.pagination import NEXT_CURSOR_HELP
from movies.availability.api import AvailabilitySerializer
from movies.models import Credit, Genre, MovieCertificate


class GenreSerializer(serializers.ModelSerializer):
    class Meta:
        model = Genre
        fields = ["name", "slug"]


class PersonCreditSerializer(serializers.ModelSerializer):
    """A person and their role in a movie."""

    id = serializers.IntegerField(source="person_id", read_only=True)
    name = serializers.CharField(source="person.name", read_only=True)

    class Meta:
        model = Credit
        fields = ["id", "name", "role"]


class MovieCardSerializer(serializers.Serializer):
    """A movie as every list shows it, with the fields that ``expand`` adds."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    year = serializers.IntegerField(allow_null=True, help_text="Year of release.")
    runtime_minutes = serializers.IntegerField(allow_null=True)
    language = serializers.CharField(allow_blank=True, help_text="ISO 639-1 code, such as en; empty if unknown.")
    imdb_id = serializers.CharField(allow_blank=True, help_text="Such as tt0114709; empty if unknown.")
    tmdb_id = serializers.IntegerField(allow_null=True)
    poster_url = serializers.CharField(allow_blank=True, help_text="URL of an image; empty if there is none.")
    genres = GenreSerializer(many=True)
    overview = serializers.CharField(required=False, help_text="Only with expand=overview.")
    people = PersonCreditSerializer(
        many=True, required=False, help_text="Only with expand=people: directors, then the cast, in billing order."
    )


class CertificateSerializer(serializers.ModelSerializer):
    """The age rating of a movie in a country, as its board writes it."""

    class Meta:
        model = MovieCertificate
        fields = ["country", "certificate"]


class MovieSerializer(MovieCardSerializer):
    """Everything about a movie."""

    overview = serializers.CharField(allow_blank=True)
    # The queryset must prefetch credits with their people, directors first.
    people = PersonCreditSerializer(
        many=True, source="credits", help_text="Directors, then the cast, in billing order."
    )
    keywords = serializers.ListField(child=serializers.CharField())
    # The queryset must prefetch these, too.
    certificates = CertificateSerializer(
        many=True, help_text="Age ratings by country (ISO 3166-1 alpha-2), such as R in US; empty if none is known."
    )
    movielens_id = serializers.IntegerField(allow_null=True)
    # The queryset must have it: movies.availability.selectors.with_availability.
    availability = AvailabilitySerializer(
        many=True,
        source="availability_windows",
        help_text="Where and when, in days of UTC, a null day being no bound; empty where nothing is said about it.",
    )


class EnvelopeSerializer(serializers.Serializer):
    """The fields that every list has besides its items."""

    next_cursor = serializers.CharField(allow_null=True, help_text=NEXT_CURSOR_HELP)
