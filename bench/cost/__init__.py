"""What operations cost: storage requests, capacity units, dollars."""
