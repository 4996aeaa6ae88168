"""Regular expressions of the OpenAPI schema that say exactly what a field takes."""

# What str.strip removes.
_SPACE = r" \t-\r\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# An integer from 0 to 2**31 - 1, of at most ten digits.
ID = (
    r"([01]?[0-9]{1,9}|20[0-9]{8}|21[0-3][0-9]{7}|214[0-6][0-9]{6}|2147[0-3][0-9]{5}|21474[0-7][0-9]{4}"
    r"|214748[0-2][0-9]{3}|2147483[0-5][0-9]{2}|21474836[0-3][0-9]|214748364[0-7])"
)


def separated(value: str, *, empty: bool) -> str:
    """Values between commas, with spaces around them; with ``empty`` there may be nothing between two commas."""
    outside = f"[,{_SPACE}]*" if empty else f"[{_SPACE}]*"
    return f"^{outside}{value}([{_SPACE}]*,{outside}{value})*{outside}$"
