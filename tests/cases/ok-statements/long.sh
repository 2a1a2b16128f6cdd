echo long
