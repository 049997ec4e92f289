package lib

grants contains principal if some principal in input.spec.principals
