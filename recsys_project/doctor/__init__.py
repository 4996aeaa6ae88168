"""``manage.py doctor``: looks at everything that the recommender needs, and says what is wrong and what to do."""
