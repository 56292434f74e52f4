using System.Text;
using System.Text.Json.Nodes;

namespace Containerd.Execution.Tests;

public sealed class SpecSpecs
{
    private static readonly string[] ImageEnv = ["PATH=/image", "A=image"];

    [Test]
    public void DefaultIsContainerdsDefault()
    {
        JsonNode spec = JsonNode.Parse(Spec.Default.ToJson())!;
        Assert.That(spec["process"]!.ToJsonString(), Is.EqualTo(
            """
            {"user":{"uid":0,"gid":0},"env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"cwd":"/","capabilities":{"bounding":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD","CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"],"effective":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD","CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"],"permitted":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD","CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"]},"rlimits":[{"type":"RLIMIT_NOFILE","hard":1024,"soft":1024}],"noNewPrivileges":true}
            """));
        Assert.That(spec["linux"]!["namespaces"]!.ToJsonString(), Is.EqualTo("""[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"network"}]"""));
        Assert.That(spec["linux"]!["resources"]!["devices"]!.AsArray().Select(rule => rule!.ToJsonString()).First(), Is.EqualTo("""{"allow":false,"access":"rwm"}"""));
        Assert.That(spec["linux"]!["resources"]!["devices"]!.AsArray(), Has.Count.EqualTo(10));
        Assert.That(spec["mounts"]!.AsArray().Select(mount => mount!["destination"]!.GetValue<string>()), Is.EqualTo(
            new[] { "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/run" }));
        Assert.That(spec["mounts"]![3]!.ToJsonString(), Is.EqualTo(
            """{"destination":"/dev/shm","type":"tmpfs","source":"shm","options":["nosuid","noexec","nodev","mode=1777","size=65536k"]}"""));
        Assert.That(spec["linux"]!["maskedPaths"]!.AsArray(), Has.Count.EqualTo(11));
        Assert.That(spec["linux"]!["readonlyPaths"]!.AsArray(), Has.Count.EqualTo(5));
    }

    [Test]
    public void UnknownMembersSurvive()
    {
        const string json = """{"ociVersion":"1.3.0","root":{"path":"r","new":1},"process":{"user":{"uid":1,"gid":2,"x":"y"},"cwd":"/","scheduler":{"policy":"SCHED_OTHER"}},"linux":{"intelRdt":{"closID":"a"},"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"},"uidMappings":[{"containerID":0,"hostID":1000,"size":1}]},"vm":{"a":[1,2]}}""";
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(Spec.Parse(Encoding.UTF8.GetBytes(json)).ToJson()), JsonNode.Parse(json)));
    }

    [TestCase("null")]
    [TestCase("[]")]
    [TestCase("{")]
    [TestCase("""{"process":{"user":{"uid":-1}}}""")]
    public void WhatIsNoSpecificationIsRefused(string json) =>
        Assert.That(() => Spec.Parse(Encoding.UTF8.GetBytes(json)), Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.InvalidArgument));

    [Test]
    public void ImageConfigIsTakenOver()
    {
        var image = new ImageConfig { Env = ImageEnv, Entrypoint = ["/entry"], Cmd = ["default"], WorkingDir = "/work", User = "web", StopSignal = "SIGQUIT" };
        ContainerSpec spec = ContainerSpec.Default.WithEnv("A", "mine").WithEnv("B", "2").WithImageConfig(image);
        Assert.That(spec.Spec.Process!.Env, Is.EqualTo(new[] { "PATH=/image", "A=mine", "B=2" }));
        Assert.That(spec.Spec.Process.Args, Is.EqualTo(new[] { "/entry", "default" }));
        Assert.That(spec.Spec.Process.Cwd, Is.EqualTo("/work"));
        Assert.That(spec.User, Is.EqualTo("web"));
        Assert.That(spec.StopSignal, Is.EqualTo(Signal.Quit));
        Assert.That(ContainerSpec.Default.WithImageConfig(image, "a", "b").Spec.Process!.Args, Is.EqualTo(new[] { "/entry", "a", "b" }));
        Assert.That(spec.WithArgs("a").Spec.Process!.Args, Is.EqualTo(new[] { "a" }));
        Assert.That(spec.WithEnv("A", null).Spec.Process!.Env, Is.EqualTo(new[] { "PATH=/image", "B=2" }));
    }

    [Test]
    public void EmptyImageConfigIsRootInTheRoot()
    {
        ContainerSpec spec = ContainerSpec.Default.WithImageConfig(new ImageConfig(), "x");
        Assert.That(spec.Spec.Process!.Env, Is.EqualTo(Spec.Default.Process!.Env));
        Assert.That(spec.Spec.Process.Cwd, Is.EqualTo("/"));
        Assert.That(spec.User, Is.Empty);
        Assert.That(spec.StopSignal, Is.EqualTo(Signal.Terminate));
    }

    [Test]
    public void StopSignalOfAnImageMustBeOne() => Assert.That(
        () => ContainerSpec.Default.WithImageConfig(new ImageConfig { StopSignal = "99\n" }),
        Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.InvalidArgument).And.Message.Not.Contains("\n"));

    [Test]
    public void ChangesCompose()
    {
        Spec spec = ContainerSpec.Default
            .WithArgs("sh")
            .WithHostname("box")
            .WithReadonlyRootfs()
            .WithNetworkNamespace("/proc/self/ns/net")
            .WithMount(Mount.Bind("/tmp", readOnly: true) with { Target = "data" })
            .WithMount(new SpecMount { Destination = "/data/", Type = "tmpfs", Source = "tmpfs" })
            .WithoutMount("/run")
            .WithoutCapabilities("CAP_NET_RAW")
            .WithAddedCapabilities("CAP_SYS_TIME", "CAP_KILL")
            .WithMemoryLimit(1 << 20)
            .WithCpuLimit(1.5)
            .WithRlimit("RLIMIT_NOFILE", 10, 20)
            .WithAnnotation("b", "2").WithAnnotation("a", "1")
            .Spec;
        Assert.That(spec.Linux!.Namespaces, Has.Count.EqualTo(5));
        Assert.That(spec.Linux.Namespaces!.Single(ns => ns.Type == "network").Path, Is.EqualTo("/proc/self/ns/net"));
        Assert.That(spec.Mounts!.Select(mount => mount.Destination), Has.Exactly(1).EqualTo("/data/").And.None.EqualTo("/data").And.None.EqualTo("/run"));
        Assert.That(spec.Process!.Capabilities!.Bounding, Has.Count.EqualTo(14).And.None.EqualTo("CAP_NET_RAW").And.One.EqualTo("CAP_SYS_TIME").And.One.EqualTo("CAP_KILL"));
        Assert.That(spec.Process.Capabilities.Inheritable, Is.Null);
        Assert.That(spec.Linux.Resources!.Cpu, Is.EqualTo(new LinuxCpu { Period = 100_000, Quota = 150_000 }));
        Assert.That(spec.Linux.Resources.Devices, Has.Count.EqualTo(10), "device rules stay");
        Assert.That(spec.Process.Rlimits, Is.EqualTo(new[] { new SpecRlimit { Type = "RLIMIT_NOFILE", Soft = 10, Hard = 20 } }));
        Assert.That(spec.Annotations!.Keys, Is.EqualTo(new[] { "a", "b" }));
        Assert.That(SpecValidator.Validate(spec), Is.Empty);
        Assert.That(ContainerSpec.Default.Spec, Is.EqualTo(Spec.Default), "the default is as it was");
    }

    [Test]
    public void ContradictionsAreFound()
    {
        ContainerSpec good = ContainerSpec.Default.WithArgs("sh");
        Assert.That(Problem(ContainerSpec.Default), Does.Contain("no program"));
        Assert.That(Problem(good.WithArgs("")), Does.Contain("no program"));
        Assert.That(Problem(good.WithCwd("here")), Does.Contain("working directory"));
        Assert.That(Problem(good.WithCwd("/proc/self/fd/7")), Does.Contain("file handle"));
        Assert.That(Problem(good.WithArgs("sh", "a\0b")), Does.Contain("NUL"));
        Assert.That(Problem(good.WithHostNamespace("uts").WithHostname("x")), Does.Contain("UTS"));
        Assert.That(Problem(good.WithHostNamespace("mount")), Does.Contain("mount namespace"));
        Assert.That(Problem(good.WithNetworkNamespace("/no/such/ns")), Does.Contain("/no/such/ns"));
        Assert.That(Problem(good.WithMount(Mount.Bind("/no/such/source") with { Target = "/x" })), Does.Contain("/no/such/source"));
        SpecMount twice = new() { Destination = "/sys/", Type = "tmpfs" };
        Assert.That(Problem(good.With(spec => spec with { Mounts = [.. spec.Mounts!, twice] })), Does.Contain("Two mounts"));
    }

    [Test]
    public void ArgumentsAreChecked()
    {
        Assert.That(() => ContainerSpec.Default.WithEnv("A=B", "c"), Throws.ArgumentException);
        Assert.That(() => ContainerSpec.Default.WithMemoryLimit(0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ContainerSpec.Default.WithUser(0x8000_0000, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ContainerSpec.Default.WithMount(Mount.Bind("/tmp")), Throws.ArgumentException);
    }

    private static string Problem(ContainerSpec spec) => string.Join(' ', SpecValidator.Validate(spec.Spec));
}
