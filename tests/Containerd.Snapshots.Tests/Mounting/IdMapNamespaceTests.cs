using System.Diagnostics;
using Containerd.Conformance;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

[RequiresRoot]
public class IdMapNamespaceTests
{
    private static readonly Mount Mount = Mount.Bind("/source");

    [Test]
    public void A_thousand_namespaces_made_in_parallel_leave_no_process()
    {
        Assert.That(IdMap.TryParse("0:100000:65536", out var map, out _));
        var idMap = new IdMap(map, map);
        int handles = Directory.GetFiles("/proc/self/fd").Length;
        Parallel.For(0, 1000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            using SafeFileHandle handle = IdMapNamespace.Open(Mount, idMap);
            Assert.That(new FileInfo(Interop.Sys.PathOf(handle)).LinkTarget, Does.StartWith("user:["));
            if (i % 100 == 0)
                GC.Collect();
        });
        Assert.That(Directory.GetFiles("/proc/self/fd"), Has.Length.LessThanOrEqualTo(handles + 8));
        Assert.That(Children(), Is.Empty);
    }

    [Test]
    public void A_namespace_that_fails_leaves_no_process()
    {
        // Twice the same host ID, which only the kernel is asked about here.
        var twice = new IdMap([new(0, 5, 1), new(1, 5, 1)], [new(0, 0, 1)]);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => IdMapNamespace.Open(Mount, twice))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(failure.Message, Does.Contain("uid_map"));
        Assert.That(Children(), Is.Empty);
    }

    [Test]
    public void A_namespace_can_still_be_made_when_a_stall_was_longer_than_its_process_lives()
    {
        using Interop.UserNamespaceProcess process = Interop.UserNamespaceProcess.TryStart(out int errno)!;
        Assert.That(errno, Is.Zero);
        Assert.That(() => File.ReadAllText($"{process.Directory}/status"), Does.Contain("State:\tZ").After(10_000, 100));
        foreach (string map in (string[])["uid_map", "gid_map"])
            File.WriteAllText($"{process.Directory}/{map}", "0 100000 1\n");
        Assert.That(new FileInfo($"{process.Directory}/ns/user").LinkTarget, Does.StartWith("user:["));
        using FileStream opened = File.OpenRead($"{process.Directory}/ns/user");
    }

    [Test]
    public void What_a_killed_process_was_making_ends_by_itself()
    {
        string mark = Guid.NewGuid().ToString();
        for (int i = 0; i < 3; i++)
        {
            using Process child = Process.Start(new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "mount", "namespaces", mark]) { RedirectStandardOutput = true })!;
            Assert.That(child.StandardOutput.ReadLine(), Is.EqualTo("begun"));
            Assert.That(child.WaitForExit(TimeSpan.FromMilliseconds(100 + (37 * i))), Is.False);
            child.Kill();
            child.WaitForExit();
        }
        Assert.That(() => Processes("cmdline").Count(line => line.Contains(mark, StringComparison.Ordinal)), Is.Zero.After(10_000, 100));
    }

    [Test]
    public void File_ids_are_changed_for_one_call_only()
    {
        string before = Status("Uid"), dumpable = File.GetUnixFileMode("/proc/self/environ").ToString();
        string inside = "";
        int errno = Interop.Sys.CallAs(100_000, 100_001, () =>
        {
            inside = Status("Uid") + Status("Gid") + Status("CapEff");
            return 7;
        });
        Assert.That(errno, Is.EqualTo(7));
        Assert.That(inside, Does.Contain("100000").And.Contain("100001").And.Contain(Status("CapPrm").Split('\t')[1]), "no capability is lost");
        Assert.That(Status("Uid"), Is.EqualTo(before));
        Assert.That(File.GetUnixFileMode("/proc/self/environ").ToString(), Is.EqualTo(dumpable));
        Assert.That(() => Interop.Sys.CallAs(1, 1, () => throw new InvalidDataException()), Throws.InstanceOf<InvalidDataException>());
        Assert.That(Interop.Sys.CallAs(uint.MaxValue, 1, () => 0), Is.EqualTo(22));

        static string Status(string field) => File.ReadLines("/proc/thread-self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
    }

    private static string[] Children() => [.. Processes("status")
        // A clone that shares the memory has our name.
        .Where(status => status.Contains($"PPid:\t{Environment.ProcessId}\n", StringComparison.Ordinal)
            && status.Split('\n')[0] == File.ReadLines("/proc/self/status").First())];

    private static IEnumerable<string> Processes(string file) => Directory.GetDirectories("/proc")
        .Where(process => char.IsAsciiDigit(Path.GetFileName(process)[0]))
        .Select(process => TextOf(Path.Join(process, file)));

    private static string TextOf(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return ""; // it has ended
        }
    }
}
