"""`python -m tests.support.fake_upstream`."""

from tests.support.fake_upstream.process import main

main()
