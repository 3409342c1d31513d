"""Which family defines which operator. Written by tools/make_stubs.py."""

FUNCTIONS: dict[str, str] = {
    "tril": "_library.triangles",
    "triu": "_library.triangles",
}

METHODS: dict[str, str] = {
    "tril": "_library.triangles",
    "tril_": "_library.triangles",
    "triu": "_library.triangles",
    "triu_": "_library.triangles",
}
