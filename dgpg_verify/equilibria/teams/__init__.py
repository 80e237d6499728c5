"""The linear-quadratic team: stationary sets of J_alpha in closed form, and where its gradients agree."""
