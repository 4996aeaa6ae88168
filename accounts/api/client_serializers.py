"""Request and response serializers of the users of client applications."""

from rest_framework import serializers

from accounts.models import User


class ClientUserWriteSerializer(serializers.Serializer[User]):
    display_name = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)


class ClientUserSerializer(serializers.ModelSerializer[User]):
    user = serializers.CharField(source="external_id", help_text="Your own id of the user.")

    class Meta:
        model = User
        fields = ("user", "display_name", "date_joined")


class ClientUserExportSerializer(serializers.Serializer[User]):
    """The user, and the rows of each kind."""

    user = serializers.DictField(help_text="external_id, display_name, is_active and date_joined.")
    interactions = serializers.ListField(child=serializers.DictField(), help_text="Their events.")
    ratings = serializers.ListField(child=serializers.DictField(), help_text="Their current ratings.")
    tags = serializers.ListField(child=serializers.DictField())
    served_recommendations = serializers.ListField(child=serializers.DictField(), help_text="The lists they got.")
    list_impressions = serializers.ListField(child=serializers.DictField(), help_text="When a list was shown.")
