"""Close curves, lead quality, the forecast and the funnel: frames in, frames out."""
