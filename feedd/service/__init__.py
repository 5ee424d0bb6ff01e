"""Service: what makes a program that runs once run for ever: wakers that post, and one loop that works."""
