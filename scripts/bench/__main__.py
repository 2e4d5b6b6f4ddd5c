"""`python -m scripts.bench`: see scripts.bench.program."""

from scripts.bench.program import main

main()
