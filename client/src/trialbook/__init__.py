"""The client of Trialbook: experiments, runs, metrics and artifacts."""
