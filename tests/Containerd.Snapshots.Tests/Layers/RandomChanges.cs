using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots.Tests;

/// <summary>Makes small trees up and changes them in every way that a layer can tell, and in some that it need not. In process, so that thousands take seconds.</summary>
internal sealed class RandomChanges(int seed)
{
    private static readonly byte[] Capability = Convert.FromHexString("0100000200200000000000000000000000000000"); // cap_net_raw+ep, version 2

    private readonly Random _random = new(seed);

    /// <summary>Does a number of random things in a tree.</summary>
    public void Apply(string root, int count)
    {
        for (int i = 0; i < count; i++)
            ChangeOne(root);
    }

    private void ChangeOne(string root)
    {
        var all = new List<string>();
        List(root, all);
        string[] directories = [root, .. all.Where(IsDirectory)];
        string directory = directories[_random.Next(directories.Length)];
        string made = Path.Join(directory, ((char)('a' + _random.Next(8))).ToString(CultureInfo.InvariantCulture));
        string? old = all.Count == 0 ? null : all[_random.Next(all.Count)];
        switch (_random.Next(14))
        {
            case 0 or 1 or 2:
                Remove(made);
                File.WriteAllText(made, Content());
                Touch(made);
                break;
            case 3 or 4:
                Remove(made);
                Directory.CreateDirectory(made);
                break;
            case 5:
                Remove(made);
                File.CreateSymbolicLink(made, _random.Next(2) == 0 ? "a" : "b");
                Touch(made);
                break;
            case 6:
                Remove(made);
                In(made, (parent, name) => Check(Files.MakeNode(parent, name, _random.Next(2) == 0 ? 0x1000 : 0x2000, 1, (uint)_random.Next(3, 5))));
                Touch(made);
                break;
            case 7 when old is not null && !IsDirectory(old) && made != old && !old.StartsWith(made + "/", StringComparison.Ordinal):
                Remove(made);
                In(old, (from, _) => In(made, (to, name) => Check(Files.MakeLink(from, Leaf(old), to, name))));
                break;
            case 8 or 9 when old is not null:
                Remove(old);
                break;
            case 10 when old is not null && IsFile(old):
                File.WriteAllText(old, Content()); // in place: for all its names
                Touch(old);
                break;
            case 11 when old is not null:
                In(old, (parent, name) => Check(Files.SetOwner(parent, name, (uint)_random.Next(2), (uint)_random.Next(2))));
                if (IsFile(old) || IsDirectory(old))
                    File.SetUnixFileMode(old, (UnixFileMode)_random.Next(0x1C0, 0x1000));
                break;
            case 12 when old is not null && (IsFile(old) || IsDirectory(old)):
                In(old, (parent, name) =>
                {
                    Check(Files.OpenPath(parent, name, out SafeFileHandle file));
                    using (file)
                    {
                        byte[] attribute = _random.Next(3) == 0 && IsFile(old) ? "security.capability"u8.ToArray() : Encoding.ASCII.GetBytes($"user.{_random.Next(3)}");
                        if (_random.Next(3) > 0)
                            Check(Xattr.Set(file, attribute, attribute[0] == 's' ? Capability : [(byte)_random.Next(256), 10, 0]));
                        else
                            _ = Xattr.RemoveOfPath(file, attribute); // which it may not have
                    }
                });
                break;
            case 13 when old is not null && made != old && !made.StartsWith(old + "/", StringComparison.Ordinal) && !old.StartsWith(made + "/", StringComparison.Ordinal):
                Remove(made);
                // An overlay without redirect_dir does not rename directories that lie beneath.
                In(old, (from, _) => In(made, (to, _) => Assert.That(
                    Sys.Rename(from, [.. Leaf(old), 0], to, Path.GetFileName(made)), Is.Zero.Or.EqualTo(IsDirectory(old) ? EXDEV : 0))));
                break;
        }
    }

    // No link is followed, unlike by the enumeration of the BCL.
    private static void List(string directory, List<string> paths)
    {
        foreach (string path in Directory.EnumerateFileSystemEntries(directory).Order(StringComparer.Ordinal))
        {
            paths.Add(path);
            if (IsDirectory(path))
                List(path, paths);
        }
    }

    private string Content() => new((char)('x' + _random.Next(2)), _random.Next(20) == 0 ? 70_000 : _random.Next(3));

    // In whole seconds often, and the same ones, so that only the content tells.
    private void Touch(string path)
    {
        int kind = _random.Next(4);
        if (kind == 0)
            return;
        var time = new FileTime(1_000_000_000 + _random.Next(2), kind == 1 ? _random.Next(1, 1_000_000_000) : 0);
        In(path, (parent, name) => Check(Files.SetTimes(parent, name, time, time)));
    }

    private static void Remove(string path)
    {
        if (IsDirectory(path))
            Directory.Delete(path, recursive: true);
        else
            In(path, (parent, name) => _ = Files.Unlink(parent, name)); // which may not be there
    }

    private static bool IsDirectory(string path) => TypeOf(path) == 0x4000;

    private static bool IsFile(string path) => TypeOf(path) == 0x8000;

    private static int TypeOf(string path) => Sys.Status(null, path, out EntryStatus status) == 0 ? status.TypeAndMode & 0xF000 : 0;

    private delegate void Action(SafeFileHandle directory, ReadOnlySpan<byte> name);

    private static void In(string path, Action action)
    {
        using SafeFileHandle directory = MountStack.Open(Path.GetDirectoryName(path)!);
        action(directory, Leaf(path));
    }

    private static byte[] Leaf(string path) => Encoding.UTF8.GetBytes(Path.GetFileName(path));

    private static void Check(FileResult result) => Assert.That(result.Ok, result.Ok ? "" : result.ToException("change", "the tree").Message);
}
