using System.IO.Abstractions;

namespace Containerd.Execution;

/// <summary>The cgroup above all containers of a state root. Made by the runtime on the way to the first one; removed behind the last one, if it was not there before.</summary>
/// <remarks>
/// Runtimes make missing parents and then the container's own, one call after the other: a parent that is removed in between makes them fail. So
/// every container holds a shared lock from before it is made, and only who gets it exclusively removes.
/// </remarks>
internal sealed class CgroupParent(IFileSystem fileSystem, string stateRoot, string path)
{
    private readonly string _marker = Path.Join(stateRoot, "cgroups");
    private readonly string _lockFile = Path.Join(stateRoot, "lock");

    /// <summary>Notes what is missing of the parent, and keeps it from being removed until the hold is disposed.</summary>
    public IDisposable Hold()
    {
        var file = Interop.OpenLockFile(_lockFile);
        try
        {
            Interop.Lock(file, exclusive: false, wait: true);
            StorageError.Guard("Writing", _marker, () =>
            {
                string[] missing = [.. Ancestors().Where(ancestor => CgroupHierarchies.Directories(ancestor).Count == 0)];
                if (missing.Length > 0)
                    fileSystem.File.WriteAllLines(_marker, missing);
            });
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Removes what was made of the parent, where no container of any process is left under it.</summary>
    public void RemoveIfUnused() => StorageError.Guard("Removing the cgroups that are listed in", _marker, RemoveCore);

    private void RemoveCore()
    {
        using var file = Interop.OpenLockFile(_lockFile);
        if (!Interop.Lock(file, exclusive: true, wait: false) || !fileSystem.File.Exists(_marker))
            return;
        string[] made = fileSystem.File.ReadAllLines(_marker);
        foreach (string ancestor in made)
            CgroupRemoval.RemoveIfEmpty(ancestor);
        if (made.All(ancestor => CgroupHierarchies.Directories(ancestor).Count == 0))
            fileSystem.File.Delete(_marker);
    }

    // The parent and everything above it, deepest first.
    private IEnumerable<string> Ancestors()
    {
        for (string? ancestor = path; ancestor is not (null or "/" or ""); ancestor = Path.GetDirectoryName(ancestor))
            yield return ancestor;
    }
}
