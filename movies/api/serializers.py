"""How movies look in the API."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from movies.models import Credit, Genre, Movie


class GenreSerializer(serializers.ModelSerializer):
    class Meta:
        model = Genre
        fields = ["name", "slug"]


class MovieCardSerializer(serializers.ModelSerializer):
    """What a list shows of a movie."""

    genres = GenreSerializer(many=True, read_only=True)

    class Meta:
        model = Movie
        fields = ["id", "title", "year", "genres", "poster_url"]


class CreditSerializer(serializers.ModelSerializer):
    id = serializers.IntegerField(source="person_id", read_only=True)
    name = serializers.CharField(source="person.name", read_only=True)

    class Meta:
        model = Credit
        fields = ["id", "name"]


class MovieSerializer(MovieCardSerializer):
    """Everything about a movie; expects its credits and their people prefetched, directors and cast mixed."""

    directors = serializers.SerializerMethodField()
    cast = serializers.SerializerMethodField()

    class Meta(MovieCardSerializer.Meta):
        fields = [
            *MovieCardSerializer.Meta.fields,
            "overview",
            "runtime_minutes",
            "language",
            "keywords",
            "directors",
            "cast",
            "movielens_id",
            "imdb_id",
            "tmdb_id",
        ]

    @extend_schema_field(CreditSerializer(many=True))
    def get_directors(self, movie: Movie) -> list[dict[str, object]]:
        return self._people(movie, Credit.Role.DIRECTOR)

    @extend_schema_field(CreditSerializer(many=True))
    def get_cast(self, movie: Movie) -> list[dict[str, object]]:
        return self._people(movie, Credit.Role.CAST)

    def _people(self, movie: Movie, role: Credit.Role) -> list[dict[str, object]]:
        return [
            {"id": credit.person_id, "name": credit.person.name}
            for credit in movie.credits.all()
            if credit.role == role
        ]
