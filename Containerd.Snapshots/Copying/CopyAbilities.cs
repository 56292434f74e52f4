namespace Containerd.Snapshots;

/// <summary>What the two file systems of a copy can do for each other, learnt on the way.</summary>
internal sealed class CopyAbilities
{
    private volatile bool _cannotClone, _cannotCopyRange;
    private int _attributesLeftOut;

    /// <summary>Whether a file may share the blocks of another (FICLONE).</summary>
    public bool CanClone => !_cannotClone;

    /// <summary>Whether the kernel may copy from file to file (copy_file_range).</summary>
    public bool CanCopyRange => !_cannotCopyRange;

    /// <summary>Notes that the destination cannot hold an attribute that no file needs; true the first time.</summary>
    public bool LeavesOutFirstAttribute() => Interlocked.Exchange(ref _attributesLeftOut, 1) == 0;

    public void ForgetClone() => _cannotClone = true;

    public void ForgetCopyRange() => _cannotCopyRange = true;
}
