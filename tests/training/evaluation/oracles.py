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


def recall(groups, labels, scores, k):
    found = [
        float(np.mean([sum(y[row] for row in order[:k]) for order in orders(s)])) / sum(y)
        for y, s in lists(groups, labels, scores)
        if sum(y)
    ]
    return float(np.mean(found)) if found else math.nan
