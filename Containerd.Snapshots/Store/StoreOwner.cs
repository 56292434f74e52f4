using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>An open store as other processes see it: a locked file. What is reserved for it is nobody else's until the lock is gone.</summary>
internal sealed class StoreOwner : IDisposable
{
    private const string DirectoryName = "owners";
    private const string ProbeSuffix = ".probe";
    private const int PrivateMode = 0x1C0; // 0700

    private readonly StoreRoot _root;
    private readonly SafeFileHandle _file;

    private StoreOwner(StoreRoot root, string name, SafeFileHandle file)
    {
        _root = root;
        Name = name;
        _file = file;
    }

    public string Name { get; }

    public static StoreOwner Register(StoreRoot root)
    {
        while (true)
        {
            string name = RandomNumberGenerator.GetHexString(16, lowercase: true);
            SafeFileHandle file = Sys.TryOpen(root.Owners!, name, LibC.O_RDWR | LibC.O_CREAT | LibC.O_EXCL | LibC.O_NOFOLLOW, out int errno)
                ?? throw Failure("Registering as a user of the store", root.Path, errno);
            // Between making and locking it, a clean-up may have taken it for a dead one's and removed it: then it is no sign of life.
            if (Sys.TryLock(file, name) && Sys.Status(file, "", out EntryStatus status) == 0 && status.Links > 0)
                return new StoreOwner(root, name, file);
            file.Dispose();
        }
    }

    /// <summary>The owners there are signs of, living or dead.</summary>
    public static HashSet<string> List(StoreRoot root)
    {
        var owners = new HashSet<string>();
        string path = Path.Join(root.Path, DirectoryName);
        using SafeFileHandle listing = Sys.TryOpen(root.Owners!, ".", Sys.ReadDirectoryOnly, out int errno) ?? throw Failure("Reading directory", path, errno);
        DirectoryListing.Visit(listing, path, (name, _) => owners.Add(Path.GetFileNameWithoutExtension(System.Text.Encoding.UTF8.GetString(name[..^1]))));
        return owners;
    }

    /// <summary>Runs something in a directory of its own, which goes afterwards, or with the owner.</summary>
    public void Probe(Action<string> probe)
    {
        string name = Name + ProbeSuffix;
        string path = Path.Join(_root.Path, DirectoryName, name);
        int errno = Sys.MakeDirectory(_root.Owners!, name, PrivateMode);
        if (errno != 0)
            throw Failure("Making", path, errno);
        try
        {
            probe(path);
        }
        finally
        {
            TreeRemoval.Remove(_root.Owners!, name, path, CancellationToken.None);
        }
    }

    /// <summary>Whether the owner of a name still lives.</summary>
    /// <param name="root">The store.</param>
    /// <param name="name">The name.</param>
    /// <param name="remains">The dead one's file, locked, to be removed when everything that was its has been; null where there is none.</param>
    public static bool IsAlive(StoreRoot root, string name, out SafeFileHandle? remains)
    {
        remains = Sys.TryOpen(root.Owners!, name, LibC.O_RDWR | LibC.O_NOFOLLOW, out int errno);
        if (remains is null)
            return errno == ENOENT ? false : throw Failure("Reading a user of the store", root.Path, errno);
        if (Sys.TryLock(remains, name))
            return false;
        remains.Dispose();
        remains = null;
        return true;
    }

    public static void Forget(StoreRoot root, string name)
    {
        string path = Path.Join(root.Path, DirectoryName, name);
        TreeRemoval.Remove(root.Owners!, name + ProbeSuffix, path + ProbeSuffix, CancellationToken.None);
        TreeRemoval.Remove(root.Owners!, name, path, CancellationToken.None);
    }

    // The file stays for the next clean-up: only that knows whether everything reserved has been used or reclaimed.
    public void Dispose() => _file.Dispose();
}
