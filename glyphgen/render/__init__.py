"""A recipe -> a dataset; also its contact sheet, and the recipe of a dataset worked out again.

Nothing is imported here: a worker that draws rows needs neither the gate nor what reads fonts.
"""
