"""What tag and deploy-dev share: inspect, choose, plan, follow."""
