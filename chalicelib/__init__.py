"""Trialbook: experiments, runs, artifacts and A/B variant logs on Lambda, DynamoDB and S3."""

__version__ = "0.1.0"
