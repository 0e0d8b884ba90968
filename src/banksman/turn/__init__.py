"""One turn, a file a stage: begin, guard, understand, answer, finish."""
