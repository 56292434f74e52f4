namespace Containerd.Snapshots;

/// <summary>What the two file systems of a copy can do for each other, learnt on the way.</summary>
internal sealed class CopyAbilities
{
    private volatile bool _cannotClone, _cannotCopyRange;

    /// <summary>Whether a file may share the blocks of another (FICLONE).</summary>
    public bool CanClone => !_cannotClone;

    /// <summary>Whether the kernel may copy from file to file (copy_file_range).</summary>
    public bool CanCopyRange => !_cannotCopyRange;

    public void ForgetClone() => _cannotClone = true;

    public void ForgetCopyRange() => _cannotCopyRange = true;
}
