"""How well cities are predicted from the others: pooled without each (`without`), other predictions (`rivals`), the record (`record`)."""
