"""Metrics as their definitions read: loops over lists, averages over every order of ties."""

import itertools
import math

import numpy as np


def orders(scores):
    """All orders of the rows, best score first, that ties allow."""
    ranked = sorted(range(len(scores)), key=lambda row: -scores[row])
    ties = [list(rows) for _, rows in itertools.groupby(ranked, key=lambda row: scores[row])]
    for choice in itertools.product(*(itertools.permutations(tie) for tie in ties)):
        yield [row for tie in choice for row in tie]


def lists(groups, labels, scores):
    for group in sorted(set(groups)):
        rows = [i for i, g in enumerate(groups) if g == group]
        yield [labels[i] for i in rows], [scores[i] for i in rows]


def auc(labels, scores):
    """Share of (positive, negative) pairs in the right order, ties counting half; NaN without a pair."""
    positives = [s for s, y in zip(scores, labels, strict=True) if y]
    negatives = [s for s, y in zip(scores, labels, strict=True) if not y]
    wins = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
    return sum(wins) / len(wins) if wins else math.nan


def gauc(groups, labels, scores):
    mixed = [(auc(y, s), sum(y)) for y, s in lists(groups, labels, scores) if 0 < sum(y) < len(y)]
    return sum(a * n for a, n in mixed) / sum(n for _, n in mixed) if mixed else math.nan


def ndcg(groups, labels, scores, k):
    def of(y, s):
        if not sum(y):
            return 0.0
        ideal = sum(1 / math.log2(i + 2) for i in range(min(sum(y), k)))
        dcg = [sum(y[row] / math.log2(i + 2) for i, row in enumerate(order[:k])) for order in orders(s)]
        return float(np.mean(dcg)) / ideal

    return float(np.mean([of(y, s) for y, s in lists(groups, labels, scores)]))


def precision(groups, labels, scores, k):
    def of(y, s):
        return float(np.mean([sum(y[row] for row in order[:k]) for order in orders(s)])) / k

    return float(np.mean([of(y, s) for y, s in lists(groups, labels, scores)]))


def recall(groups, labels, scores, k):
    found = [
        float(np.mean([sum(y[row] for row in order[:k]) for order in orders(s)])) / sum(y)
        for y, s in lists(groups, labels, scores)
        if sum(y)
    ]
    return float(np.mean(found)) if found else math.nan


def expected_calibration_error(labels, probabilities, bins):
    """Bins of equally many rows, a tie of equal predictions going where its middle lies."""
    ranked = sorted(probabilities)
    rows_of = {}
    for label, chance in zip(labels, probabilities, strict=True):
        places = [place for place, other in enumerate(ranked) if other == chance]
        rows_of.setdefault(int((places[0] + places[-1]) / 2 * bins / len(ranked)), []).append((label, chance))
    gaps = [
        len(rows) * abs(sum(label for label, _ in rows) / len(rows) - sum(chance for _, chance in rows) / len(rows))
        for rows in rows_of.values()
    ]
    return sum(gaps) / len(ranked)


def feed_of(row):
    return [post for post in row if post >= 0]


def coverage(feeds, catalogue):
    shown = {post for row in feeds for post in feed_of(row)}
    there = {post for post, is_there in enumerate(catalogue) if is_there}
    return len(shown & there) / len(there) if there else math.nan


def intra_list_distance(feeds, vectors):
    def of(row):
        known = [vectors[post] for post in feed_of(row) if any(vectors[post])]
        return mean([1 - float(a @ b) for a, b in itertools.combinations(known, 2)])

    return [of(row) for row in feeds]


def intra_list_variety(feeds, classes):
    return [
        mean([float(classes[a] != classes[b]) for a, b in itertools.combinations(feed_of(row), 2)]) for row in feeds
    ]


def novelty(feeds, impressions):
    everything = sum(impressions) + len(impressions)
    return [mean([-math.log2((impressions[post] + 1) / everything) for post in feed_of(row)]) for row in feeds]


def exposure_gini(feeds, author, authors):
    """Half the mean difference of any two, relative to the mean."""
    shown = [author[post] for row in feeds for post in feed_of(row)]
    counts = [shown.count(a) for a, is_one in enumerate(authors) if is_one]
    if not sum(counts):
        return math.nan
    differences = sum(abs(a - b) for a in counts for b in counts)
    return differences / (2 * len(counts) ** 2 * (sum(counts) / len(counts)))


def mean(values):
    return sum(values) / len(values) if values else math.nan
