"""From a study to published results: expand, check, execute, publish. The only room that knows Papermill."""
