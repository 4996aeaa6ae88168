"""Movies as the API shows them."""

from rest_framework import serializers

from movies.api.pagination import NEXT_CURSOR_HELP
from movies.models import Credit, Genre


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
    language = serializers.CharField(allow_blank=True, help_text="ISO 639-1, as in en; empty where unknown.")
    imdb_id = serializers.CharField(allow_blank=True, help_text="As in tt0114709; empty where unknown.")
    tmdb_id = serializers.IntegerField(allow_null=True)
    poster_url = serializers.CharField(allow_blank=True, help_text="Address of an image; empty where there is none.")
    genres = GenreSerializer(many=True)
    overview = serializers.CharField(required=False, help_text="With expand=overview.")
    people = PersonCreditSerializer(
        many=True, required=False, help_text="With expand=people: directors, then the cast, in billing order."
    )


class MovieSerializer(MovieCardSerializer):
    """Everything about a movie."""

    overview = serializers.CharField(allow_blank=True)
    # The queryset must prefetch credits with their people, directors first.
    people = PersonCreditSerializer(many=True, source="credits", help_text="Directors, then the cast, as billed.")
    keywords = serializers.ListField(child=serializers.CharField())
    movielens_id = serializers.IntegerField(allow_null=True)


class EnvelopeSerializer(serializers.Serializer):
    """What every list has beside its items."""

    next_cursor = serializers.CharField(allow_null=True, help_text=NEXT_CURSOR_HELP)
