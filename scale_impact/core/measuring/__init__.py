"""What stands behind effects of single cities: who is compared with whom, how cities err, whether the treated err alike."""
