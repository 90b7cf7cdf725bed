"""`python -m tests.support.fake_telegram`."""

from tests.support.fake_telegram.process import main

main()
