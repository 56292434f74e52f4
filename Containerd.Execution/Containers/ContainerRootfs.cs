namespace Containerd.Execution;

/// <summary>The root file system of a container to be: mounts, or a directory that needs none.</summary>
internal sealed class ContainerRootfs
{
    private readonly IReadOnlyList<Mount> _mounts;
    private readonly IMounter _mounter;

    public ContainerRootfs(IReadOnlyList<Mount> mounts, IMounter mounter, RootfsMode mode)
    {
        _mounts = [.. mounts];
        _mounter = mounter;
        if (mounts is [{ Type: "bind" or "rbind", Target: "" or "/" } bind] && Path.IsPathRooted(bind.Source) && bind.SplitOptions().All(IsPlain))
        {
            Directory = bind.Source;
            IsReadOnly = bind.IsReadOnly;
        }
        else
        {
            IsHostMount = mode == RootfsMode.HostMount;
        }
    }

    /// <summary>The directory, where it is one already.</summary>
    public string? Directory { get; }

    /// <summary>Whether that directory must be made read-only by the runtime, since no mount does.</summary>
    public bool IsReadOnly { get; }

    /// <summary>Whether it is mounted where the host sees it.</summary>
    public bool IsHostMount { get; }

    /// <summary>Reads in the tree without mounting it anywhere.</summary>
    public T Read<T>(Func<string, T> read)
    {
        if (Directory is not null)
            return read(Directory);
        using IDetachedMount tree = _mounter.MountDetached(_mounts);
        return read(tree.Path);
    }

    /// <summary>Mounts it for the host to see, where that is the mode.</summary>
    public void MountOnHost(string target)
    {
        if (IsHostMount)
            _mounter.Mount(_mounts, target);
    }

    /// <summary>What a launch thread must do for the runtime to find the tree at a path; null where it is there already.</summary>
    public Action? OnLaunchThread(string target) =>
        Directory is not null || IsHostMount
            ? null
            : () =>
            {
                Interop.EnterPrivateMountNamespace();
                _mounter.Mount(_mounts, target);
            };

    private static bool IsPlain(string option) => option is "bind" or "rbind" or "rw" or "ro";
}
