"""Sums, extrema, softmax, normalisation, scans, sorting."""

from __future__ import annotations

from cases import expression

expression("reduce/sum_8M", "x.sum()", 1 << 23)
expression("reduce/sum_rows_2048", "x.sum(1)", 2048, 2048)
expression("reduce/sum_cols_2048", "x.sum(0)", 2048, 2048)
expression("reduce/argmax_rows_2048", "x.argmax(1)", 2048, 2048)
expression("reduce/softmax_2048x1024", "L.softmax(x, -1)", 2048, 1024)
expression("reduce/layer_norm_2048x768", "F.layer_norm(x, (768,))", 2048, 768)
expression("reduce/cumsum_2048", "x.cumsum(1)", 2048, 2048)
expression("sort/sort_1M", "x.sort()", 1 << 20)
expression("sort/topk_2048x1024_10", "x.topk(10, 1)", 2048, 1024)
