"""Sentiment of news headlines: TF-IDF and logistic regression."""
