"""Why a model says what it says, of a model that is known by its answers only."""
