"""The real `mlflow` package against Trialbook and against `mlflow server`: README.md has how."""
