"""A-OKVQA's questions about COCO's pictures as training data: damaged, with reasoning chains."""
