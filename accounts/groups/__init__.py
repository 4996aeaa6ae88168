"""Groups of people who watch together: each member accepts the invitation before a list is made for them."""
