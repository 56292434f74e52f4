namespace Containerd.Snapshots;

/// <summary>How many directories one side of a copy keeps open at once, however deep and wide the tree is.</summary>
internal sealed class HandleBudget
{
    // Enough for every directory on the way down in real trees; two sides stay well below the usual limit of 1024 open files.
    private const int MaxKept = 64;

    // Deep down every so many levels, so that the way to any other begins near it rather than at the top.
    private const int Stride = 64;
    private const int MaxKeptDeep = 64;

    private int _kept;

    /// <summary>Whether a directory may be kept open.</summary>
    /// <param name="depth">How far below the root it is.</param>
    public bool TryTake(int depth)
    {
        if (Interlocked.Increment(ref _kept) <= (depth % Stride == 0 ? MaxKept + MaxKeptDeep : MaxKept))
            return true;
        Interlocked.Decrement(ref _kept);
        return false;
    }

    public void Return() => Interlocked.Decrement(ref _kept);
}
