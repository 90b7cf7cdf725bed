"""What listeners play now: charts from outside."""
