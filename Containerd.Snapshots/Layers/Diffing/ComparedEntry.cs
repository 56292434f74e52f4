using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>An entry of one of the trees.</summary>
internal readonly ref struct ComparedEntry(ComparedTree tree, SafeFileHandle directory, ReadOnlySpan<byte> terminatedName, TreePath path, in EntryStatus status)
{
    private const int CharacterDevice = 0x2000, BlockDevice = 0x6000, SymbolicLink = 0xA000, Socket = 0xC000; // linux/stat.h

    private readonly ReadOnlySpan<byte> _name = terminatedName;

    public EntryStatus Status { get; } = status;

    public TreePath Path => path;

    public static bool IsSocket(in EntryStatus status) => TypeOf(status) == Socket;

    public static bool IsSymbolicLink(in EntryStatus status) => TypeOf(status) == SymbolicLink;

    public static bool IsDevice(in EntryStatus status) => TypeOf(status) is CharacterDevice or BlockDevice;

    public static TarEntryType TarTypeOf(in EntryStatus status) => TypeOf(status) switch
    {
        0x1000 => TarEntryType.Fifo,
        CharacterDevice => TarEntryType.CharacterDevice,
        0x4000 => TarEntryType.Directory,
        BlockDevice => TarEntryType.BlockDevice,
        SymbolicLink => TarEntryType.SymbolicLink,
        _ => TarEntryType.RegularFile,
    };

    public static FileIdentity IdentityOf(in EntryStatus status) => new(status.Device, status.Inode);

    /// <summary>Opens the data of a regular file that is still the one that was looked at.</summary>
    public SafeFileHandle OpenFile() => Checked(tree.OpenFile(directory, _name, path), isData: true);

    /// <summary>Opens the entry without reading it.</summary>
    public SafeFileHandle OpenPath() => Checked(tree.OpenPath(directory, _name, path), isData: false);

    public void ReadXattrs(XattrSet xattrs)
    {
        using SafeFileHandle file = OpenPath();
        ReadXattrs(xattrs, file, path.Span);
    }

    public static void ReadXattrs(XattrSet xattrs, SafeFileHandle file, ReadOnlySpan<byte> path)
    {
        if (xattrs.TryRead(file, out FileResult failure))
            return;
        if (failure.NoData)
            throw DiffFailure.Changed(path);
        DiffFailure.Check(failure, "read the extended attributes of", path);
        throw DiffFailure.TooManyXattrs(path);
    }

    /// <summary>The target of a symbolic link.</summary>
    public ReadOnlySpan<byte> ReadLink(Span<byte> buffer)
    {
        using SafeFileHandle link = OpenPath();
        DiffFailure.Check(Files.ReadLink(link, buffer, out int length), "read the link", path.Span);
        return buffer[..length];
    }

    // Data that lies in another layer (metacopy) comes through a mounted tree, where the file has another number.
    private SafeFileHandle Checked(SafeFileHandle opened, bool isData)
    {
        int errno = Sys.Status(opened, "\0"u8, out EntryStatus found);
        bool isSame = found.TypeAndMode == Status.TypeAndMode && (found.IsDirectory || found.Size == Status.Size)
            && ((found.Inode == Status.Inode && found.Device == Status.Device) || (isData && tree.Marks is not null));
        if (errno == 0 && isSame)
            return opened;
        opened.Dispose();
        throw errno == 0 ? DiffFailure.Changed(path.Span) : DiffFailure.OfCall("look at", path.Span, errno);
    }

    private static int TypeOf(in EntryStatus status) => status.TypeAndMode & 0xF000;
}
