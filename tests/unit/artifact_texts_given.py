"""Short texts about artifacts of experiments, and what somebody may ask who wants one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final = """\
confusion_matrix.png: predicted against true classes of the validation set
roc_curve.svg: false positive rate against true positive rate of the fraud detector
train_loss.csv: loss for each step of training
learning_rate_schedule.json: warmup and cosine decay of the step size
resnet50_cifar10.pt: trained weights of an image classifier
bert_sentiment.onnx: exported network that tells positive from negative reviews
tokenizer.json: vocabulary and merges of the byte pair encoding
churn_features.parquet: table of customer attributes before they cancel
feature_importance.html: which columns matter most to the gradient boosted trees
shap_values.npy: contribution of each input to a single prediction
hyperparameter_sweep.csv: results of a grid search over depth and learning rate
best_params.yaml: settings chosen by bayesian optimization
requirements.txt: pinned versions of the libraries in use
Dockerfile: container image in which the job was run
stderr.log: messages and warnings that the process printed
profile_trace.json: how long each operator took on the GPU
memory_usage.png: RAM over the duration of the job
house_prices.csv: sale values of homes with area and location
energy_forecast.ipynb: notebook that predicts electricity demand for tomorrow
anomaly_scores.parquet: how unusual each sensor reading from the turbine is
translations_de_en.jsonl: German sentences with what the system wrote in English
summaries.jsonl: short versions of newspaper articles made by the language model
transcript.txt: words recognised in the recorded phone calls
voice_samples.wav: synthetic speech read aloud by the generator
segmentation_masks.zip: outlines of tumours in magnetic resonance scans
bounding_boxes.json: where the pedestrians are in each photo of the street
depth_map.png: distance of every pixel from the camera
generated_faces.png: portraits drawn by the adversarial network
embedding_projection.png: documents as dots in two dimensions by t-SNE
clusters.csv: groups of shoppers with similar baskets
recommendations.json: films suggested to each viewer
click_through.csv: share of visitors who opened the advertisement
ab_test_report.pdf: which checkout page sold more, with confidence intervals
user_survey.xlsx: answers of people who were asked about the new interface
sql_query.sql: statement that collects orders from the warehouse
schema.avsc: names and types of the fields of an event
data_drift.html: how this month's inputs differ from those the model learned from
missing_values.md: which columns have gaps and how they were filled
outliers_removed.csv: rows left out for being implausible
train_test_split.pkl: indices of examples held back for evaluation
model_card.md: intended use, limits and ethical considerations
LICENSE.txt: terms under which others may copy the work
calibration_plot.png: whether a stated probability of 80% comes true that often
latency_benchmark.csv: milliseconds a request takes under load
quantized_int8.tflite: small network for mobile phones
distilled_student.safetensors: compact network taught by a larger one
lora_adapter.bin: low rank update for fine-tuning the language model
reward_curve.png: return per episode of the agent
policy.zip: how the robot arm chooses its next move
game_replay.mp4: video of the agent playing chess
molecule_graphs.pkl: atoms and bonds of candidate drugs
protein_structure.pdb: predicted folding of an amino acid chain
gene_expression.h5: activity of genes in single cells
ecg_signals.npz: heartbeats of patients measured by electrodes
xray_pneumonia.pt: network that finds lung infection on chest images
satellite_landcover.tif: forests, fields and towns seen from space
weather_grid.nc: temperature and wind over Europe by hour
traffic_counts.csv: cars that passed each junction
stock_returns.csv: daily gains and losses of shares
credit_risk.pkl: estimate of who will not pay back a loan
spam_filter.joblib: naive bayes that recognises unwanted email
toxicity_labels.csv: comments marked as insulting by moderators
knowledge_graph.ttl: facts about people and places as linked triples
prompt_templates.yaml: instructions given to the chat assistant
""".splitlines()

PARAPHRASES: Final[Mapping[str, str]] = {
    "which categories get mistaken for each other": "confusion_matrix.png",
    "sensitivity and specificity at different thresholds": "roc_curve.svg",
    "subword units": "tokenizer.json",
    "python dependencies": "requirements.txt",
    "detecting faults in industrial machines": "anomaly_scores.parquet",
    "artificial human pictures from a GAN": "generated_faces.png",
    "experiment comparing two versions of the shop": "ab_test_report.pdf",
    "imputation of null entries": "missing_values.md",
    "copyright and permission": "LICENSE.txt",
    "reinforcement learning progress": "reward_curve.png",
    "cardiac arrhythmia recordings": "ecg_signals.npz",
    "vehicle flow at intersections": "traffic_counts.csv",
}
"""Asks for the text of that name, with no word of it."""
