"""Report: static pages made from published rows, cards and study files; never from what a notebook printed."""
