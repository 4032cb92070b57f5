"""From summaries to what people look at: terminal tables, estimates, submissions, leaderboards, exports."""
