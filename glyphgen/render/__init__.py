"""A recipe -> a dataset; also its contact sheet, and the recipe of a dataset worked out again."""

from glyphgen.render.drawing import RenderJob, draw_rows, find_sample_dtype, make_render_job
from glyphgen.render.preparing import PreparedRender, Survey, prepare_render, survey_faces
from glyphgen.render.recalling import recall_recipe, recall_render
from glyphgen.render.rendering import Rendered, render_dataset

__all__ = [
    "PreparedRender",
    "RenderJob",
    "Rendered",
    "Survey",
    "draw_rows",
    "find_sample_dtype",
    "make_render_job",
    "prepare_render",
    "recall_recipe",
    "recall_render",
    "render_dataset",
    "survey_faces",
]
