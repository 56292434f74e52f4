namespace Containerd.Snapshots;

/// <summary>How many directories one side of a copy keeps open at once, however deep and wide the tree is.</summary>
internal sealed class HandleBudget
{
    // Enough for every directory on the way down in real trees; two sides stay well below the usual limit of 1024 open files.
    private const int MaxKept = 128;

    private int _kept;

    public bool TryTake()
    {
        if (Interlocked.Increment(ref _kept) <= MaxKept)
            return true;
        Interlocked.Decrement(ref _kept);
        return false;
    }

    public void Return() => Interlocked.Decrement(ref _kept);
}
